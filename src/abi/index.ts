/**
 * Bytes of the Hyper-V, Xen and KVM flush interfaces, as pure functions: `import { ... } from 'shootdown/abi'`.
 * `docs/hypercalls.md` is the guide. Readers give {@link Decoded} values and never throw; writers throw a
 * `UsageError` when a value does not fit its field.
 */
export * from './bytes.ts'
export * from './calls.ts'
export * from './control-word.ts'
export * from './cpuid.ts'
export * from './decoded.ts'
export * from './fill-gva-list.ts'
export * from './flush.ts'
export * from './flush-fields.ts'
export * from './gva-range.ts'
export * from './handshake.ts'
export * from './ipi.ts'
export * from './kvm.ts'
export * from './msr.ts'
export * from './registers.ts'
export * from './result-word.ts'
export * from './status.ts'
export * from './vp-set.ts'
export * from './xen.ts'
