// A job's log as it comes: the newest lines at once and live, and beside it the
// whole log from its beginning, which takes their place when it is there.

import { Log } from './log.ts'
import { Stream, type Options, type Sink, type State } from './stream.ts'
import { painted } from './pause.ts'
import type { Event } from './event.ts'

const TAIL = 2000
const PATIENCE = 3000 // ms in which the live stream is to bring what the history has already

export interface Viewer {
  /** Lines were added at the end. */
  grown(): void
  /** Another log takes the place of the one before, which was its end (or was dropped, at a gap). */
  replaced(log: Log, before: number, gap: boolean): void
  loading(lines: number): void
  state(s: State): void
  job(state: string): void
}

export class Feed {
  log = new Log()
  /** Whether the log begins with its first line: then the numbers of lines are known. */
  whole = false
  skew = 0 // what the server's clock is ahead
  private head: Log | null = null
  private early: Event[] = [] // in the history, but not come live yet
  private timer = 0
  private readonly live: Stream
  private history: Stream | null = null

  constructor(
    private readonly url: string,
    private readonly viewer: Viewer,
    private readonly options: Options,
    tailFirst: boolean,
  ) {
    this.whole = !tailFirst
    this.live = new Stream(url, this.sink(), { ...options, params: { state: 'true', ...(tailFirst ? { tail: String(TAIL) } : {}) } })
  }

  start(): void {
    void this.live.run()
  }

  stop(): void {
    clearTimeout(this.timer)
    this.live.stop()
    this.history?.stop()
  }

  again(): void {
    this.live.again()
  }

  /** The time of the first line; NaN while it is not known. */
  get first(): number {
    const log = this.head ?? (this.whole ? this.log : null)
    return log?.count ? log.time(0) : NaN
  }

  private sink(): Sink {
    return {
      event: (e) => this.append(e),
      flush: () => this.flush(),
      gap: () => this.reset(),
      caughtUp: () => this.loadHistory(),
      job: (state) => this.viewer.job(state),
      state: (s) => {
        this.viewer.state(s)
        if (s.kind === 'complete') this.loadHistory()
      },
      clock: (date) => { this.skew = date - Date.now() },
    }
  }

  // A row that overlapped may come twice: in the history and live, or after a
  // reconnect. Its id tells.
  private append(e: Event): void {
    if (this.log.has(e.id) || this.head?.has(e.id)) return
    this.log.append(e)
  }

  private flush(): void {
    this.viewer.grown()
    if (this.early.length && this.early.every((e) => this.log.has(e.id))) this.join()
  }

  private reset(): void {
    this.history?.stop()
    clearTimeout(this.timer)
    this.head = this.history = null
    this.early = []
    const before = this.log.count
    this.log = new Log()
    this.whole = true
    this.viewer.replaced(this.log, before, true)
  }

  private loadHistory(): void {
    if (this.whole || this.history) return
    if (this.log.events < TAIL) return this.known()
    this.head = new Log()
    const history = this.history = new Stream(this.url, this.historySink(), { ...this.options, params: { follow: 'false' } })
    // It is much work: the newest lines are to be seen before.
    void painted().then(() => history.run()).then(() => this.settle())
  }

  // The tail was all there is.
  private known(): void {
    this.whole = true
    this.viewer.replaced(this.log, this.log.count, false)
  }

  private historySink(): Sink {
    const nothing = () => {}
    return {
      event: (e) => this.before(e),
      flush: () => this.head && this.viewer.loading(this.head.count),
      gap: () => { this.head = new Log(), this.early = [] },
      state: (s) => (s.kind === 'refused' || s.kind === 'expired') && this.abandon(),
      caughtUp: nothing, job: nothing, clock: nothing,
    }
  }

  // What is there of the history is not its beginning to its end.
  private abandon(): void {
    this.head = null
    this.early = []
    this.viewer.loading(-1)
  }

  private before(e: Event): void {
    if (!this.head || this.log.has(e.id)) return
    if (e.id > this.log.most) this.early.push(e)
    else if (!this.head.has(e.id)) this.head.append(e)
  }

  private settle(): void {
    if (!this.head) return
    this.early = this.early.filter((e) => !this.log.has(e.id))
    if (!this.early.length) return this.join()
    this.timer = setTimeout(() => this.join(), PATIENCE)
  }

  // What the live stream did not bring by now is older than the tail, though its
  // ids are higher.
  private join(): void {
    const { head, log } = this
    if (!head) return
    clearTimeout(this.timer)
    for (const e of this.early) if (!log.has(e.id)) head.append(e)
    this.early = []
    this.head = this.history = null
    const before = log.count
    head.take(log)
    this.log = head
    this.whole = true
    this.viewer.replaced(head, before, false)
  }
}
