import type { Cursor } from '../cursor.ts'
import type {
  CsdFunction,
  CsdQueueCpu,
  IpiRaise,
  IpiSendCpu,
  IpiSendCpumask,
  IrqVector,
  PageFault,
  Where,
} from '../events.ts'
import { FIELD } from '../fields.ts'

/** `vector=252` */
export function irqVector<K extends IrqVector['kind']>(kind: K) {
  return (c: Cursor, at: Where): IrqVector => ({ kind, at, vector: c.int(FIELD.vector) })
}

/** `cpu=3 callsite=on_each_cpu_cond_mask+0x24/0x40 callback=..` */
export function ipiSendCpu(c: Cursor, at: Where): IpiSendCpu {
  const target = c.cpu(FIELD.cpu)
  return {
    kind: 'ipi_send_cpu',
    at,
    target,
    callsite: c.word(FIELD.callsite),
    callback: c.word(FIELD.callback),
  }
}

/** `cpumask=00000000,0000000b callsite=.. callback=..` */
export function ipiSendCpumask(c: Cursor, at: Where): IpiSendCpumask {
  const targets = c.cpumask(FIELD.cpumask)
  return {
    kind: 'ipi_send_cpumask',
    at,
    targets,
    callsite: c.word(FIELD.callsite),
    callback: c.word(FIELD.callback),
  }
}

/** `target_mask=00000000,00000002 (reason)` */
export function ipiRaise(c: Cursor, at: Where): IpiRaise {
  return { kind: 'ipi_raise', at, targets: c.cpumask(FIELD.target_mask) }
}

/** `cpu=3 callsite=.. func=flush_tlb_func csd=0000000055813194` */
export function csdQueueCpu(c: Cursor, at: Where): CsdQueueCpu {
  const target = c.cpu(FIELD.cpu)
  const callsite = c.word(FIELD.callsite)
  return { kind: 'csd_queue_cpu', at, target, callsite, func: c.word(FIELD.func), csd: c.word(FIELD.csd) }
}

/** `func=flush_tlb_func, csd=0000000055813194` */
export function csdFunction<K extends CsdFunction['kind']>(kind: K) {
  return (c: Cursor, at: Where): CsdFunction => ({
    kind,
    at,
    func: c.word(FIELD.func),
    csd: c.word(FIELD.csd),
  })
}

/** `address=0x5eb998 ip=0x460d80 error_code=0x7`; a kernel address may be printed as a symbol: NaN. */
export function pageFault<K extends PageFault['kind']>(kind: K) {
  return (c: Cursor, at: Where): PageFault => {
    const address = c.startsWith('address=0x') ? c.address(FIELD.address) : Number.NaN
    return { kind, at, address, errorCode: c.hex(FIELD.error_code) }
  }
}
