/** Where a pCPU is: its core, its last-level cache, its socket. */
import type { HostDescription } from './host.ts'

export interface Place {
  readonly core: number
  readonly cache: number
  readonly socket: number
}

type Layout = Pick<HostDescription, 'pcpus' | 'sockets' | 'cachePcpus' | 'smt'>

/** Cores of a machine: pCPUs are numbered as Linux does, first threads of all cores first. */
export function coresOf({ pcpus, smt }: Layout): number {
  return Math.ceil(pcpus / smt)
}

export function placeOf(host: Layout, pcpu: number): Place {
  const cores = coresOf(host)
  const core = pcpu % cores
  const perSocket = Math.ceil(cores / host.sockets)
  const cached = host.cachePcpus === undefined ? perSocket : Math.ceil(host.cachePcpus / host.smt)
  const perCache = Math.min(cached, perSocket)
  const caches = Math.ceil(perSocket / perCache)
  const socket = Math.floor(core / perSocket)
  return { core, socket, cache: socket * caches + Math.floor((core % perSocket) / perCache) }
}
