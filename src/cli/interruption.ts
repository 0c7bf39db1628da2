/** Ctrl-C while something runs that can say what it knows. */

/** Once: stop and say what is known. Twice: go. */
export function interruption(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController()
  const onInterrupt = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort('stopped by Ctrl-C')
  }
  process.on('SIGINT', onInterrupt)
  return { signal: controller.signal, release: () => process.off('SIGINT', onInterrupt) }
}
