/**
 * Where a worker is that gives no sign of life: its call stack, looked at from the main thread a few times. Code that yields no
 * operation cannot be asked; V8's debugger can stop it between two instructions.
 */
import { Session } from 'node:inspector/promises'
import { setTimeout as pause } from 'node:timers/promises'

export interface StackFrame {
  readonly name: string
  /** Path or URL of the file; empty for what has none. */
  readonly file: string
  readonly line: number
}

/** How often the stack is looked at, how far apart, and how long an answer may take, in milliseconds. */
const SAMPLES = 5
const APART = 100
const PATIENCE = 2_000

/** The parts of the inspector's messages that are used here. */
interface WorkerMessage {
  readonly method?: string
  readonly params?: {
    readonly scriptId?: string
    readonly url?: string
    readonly callFrames?: readonly {
      readonly functionName: string
      readonly location: { readonly scriptId: string; readonly lineNumber: number }
    }[]
  }
}

/** The inspector, and its names for worker threads. A process gets to see its workers through its first session only. */
interface Inspector {
  readonly session: Session
  readonly sessionIds: Map<string, string>
}

let inspector: Promise<Inspector> | undefined

async function connect(): Promise<Inspector> {
  const session = new Session()
  const sessionIds = new Map<string, string>()
  session.connect()
  session.on('NodeWorker.attachedToWorker', ({ params }) => {
    sessionIds.set(params.workerInfo.workerId, params.sessionId)
  })
  await session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
  return { session, sessionIds }
}

/** Call stacks of a worker thread, innermost frame first; fewer than asked for when it does not answer. */
export async function sampleStacks(threadId: number): Promise<readonly (readonly StackFrame[])[]> {
  inspector ??= connect()
  const { session, sessionIds } = await inspector
  const sessionId = sessionIds.get(String(threadId))
  if (sessionId === undefined) return []
  const scripts = new Map<string, string>()
  const samples: StackFrame[][] = []
  let id = 0
  const send = (method: string) =>
    session.post('NodeWorker.sendMessageToWorker', {
      sessionId,
      message: JSON.stringify({ id: ++id, method }),
    })
  const listen = ({ params }: { params: { sessionId: string; message: string } }) => {
    if (params.sessionId !== sessionId) return
    const { method, params: body } = JSON.parse(params.message) as WorkerMessage
    if (method === 'Debugger.scriptParsed') scripts.set(body?.scriptId ?? '', body?.url ?? '')
    if (method !== 'Debugger.paused') return
    const frames = (body?.callFrames ?? []).map(({ functionName, location }) => ({
      name: functionName,
      file: scripts.get(location.scriptId) ?? '',
      line: location.lineNumber + 1,
    }))
    samples.push(frames)
    void send('Debugger.resume')
  }
  session.on('NodeWorker.receivedMessageFromWorker', listen)
  try {
    await send('Debugger.enable')
    for (let i = 0; i < SAMPLES; i++) {
      await send('Debugger.pause')
      for (let waited = 0; samples.length <= i && waited < PATIENCE; waited += APART) await pause(APART)
    }
    await send('Debugger.disable')
  } finally {
    session.off('NodeWorker.receivedMessageFromWorker', listen)
  }
  return samples
}

/** Our own code that resumes guests: below it on the stack is the guest. */
const RESUMES = /\/explore\/guest\.[jt]s$/

/**
 * The guest function that the worker was in at every look: code that does not come back. Undefined when the worker was seen
 * anywhere else: then the search itself is busy.
 */
export function endlessGuestFrame(samples: readonly (readonly StackFrame[])[]): StackFrame | undefined {
  const guests = samples.map((frames) => {
    const end = frames.findIndex(({ file }) => RESUMES.test(file))
    return end <= 0
      ? undefined
      : frames.slice(0, end).find(({ file }) => file !== '' && !file.startsWith('node:'))
  })
  return guests.length > 0 && guests.every((frame) => frame !== undefined) ? guests[0] : undefined
}

/** The innermost frame that lies in a file. */
export function innermostFrame(samples: readonly (readonly StackFrame[])[]): StackFrame | undefined {
  return samples[0]?.find(({ file, name }) => file !== '' && !file.startsWith('node:') && name !== '')
}
