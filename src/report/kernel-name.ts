/**
 * A function of ours under the name that the kernel gives it: `gupFast` is `gup_fast`. Names that do not start in lower
 * case are left alone: `HvCallFlushVirtualAddressList` is how the specification spells it.
 */
export function kernelName(name: string): string {
  if (!/^_*[a-z]/.test(name)) return name
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
}
