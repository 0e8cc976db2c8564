// Long work in slices, so that frames come in between.

interface Scheduler {
  postTask(task: () => void, options: { priority: string }): Promise<void>
}
const scheduler = (globalThis as { scheduler?: Scheduler }).scheduler
const nothing = () => {}

// A task of its own, after what the reader does. Timers will not do: in a page
// that is not shown they come once a second.
export function pause(): Promise<unknown> {
  if (scheduler?.postTask) return scheduler.postTask(nothing, { priority: 'background' })
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve(undefined)
    }
    port2.postMessage(0)
  })
}

// Until what was just drawn can be seen, or, where nothing is shown, for a little.
export function painted(): Promise<unknown> {
  return new Promise((resolve) => {
    setTimeout(resolve, 100)
    globalThis.requestAnimationFrame?.(() => setTimeout(resolve))
  })
}

// A budget of milliseconds, after which the worker rests.
export class Budget {
  private since = performance.now()

  constructor(private readonly ms = 6) {}

  spent(): boolean {
    return performance.now() - this.since > this.ms
  }

  async rest(): Promise<void> {
    await pause()
    this.since = performance.now()
  }
}
