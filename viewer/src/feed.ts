// A job's log as it comes: the newest lines at once and live, and beside it the
// whole log from its beginning, which takes their place when it is there. After a
// gap the whole log comes anew, and takes the place of what is shown when it is
// there.

import { Log } from './log.ts'
import { parting } from './parting.ts'
import { Stream, type Options, type Sink, type State } from './stream.ts'
import type { Event } from './event.ts'

const TAIL = 2000
const PATIENCE = 3000 // ms in which the live stream is to bring what the history has already

export interface Viewer {
  /** Lines were added at the end. */
  grown(): void
  /** Another log takes the place of the one before, whose lines are further down by shift; NaN if they are not there. */
  replaced(log: Log, shift: number): void
  /** The server could not go on where the page was. From a line on the log is not what was shown; -1 if all of that is there. */
  gap(from: number): void
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
  private anew: Log | null = null // what comes since a gap
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
      caughtUp: () => this.settled(),
      job: (state) => this.viewer.job(state),
      state: (s) => {
        this.viewer.state(s)
        if (s.kind === 'complete') this.settled()
      },
      clock: (date) => { this.skew = date - Date.now() },
    }
  }

  // A row that overlapped may come twice: in the history and live, or after a
  // reconnect. Its id tells.
  private append(e: Event): void {
    const log = this.anew ?? this.log
    if (!log.has(e.id) && !this.head?.has(e.id)) log.append(e)
  }

  private flush(): void {
    if (this.anew) return this.viewer.loading(this.anew.count)
    this.viewer.grown()
    if (this.early.length && this.early.every((e) => this.log.has(e.id))) this.join()
  }

  private reset(): void {
    this.history?.stop()
    clearTimeout(this.timer)
    this.head = this.history = null
    this.early = []
    this.anew = new Log()
  }

  private settled(): void {
    if (this.anew) this.renew(this.anew)
    else this.loadHistory()
  }

  private renew(log: Log): void {
    const before = this.log, from = parting(before, log)
    const first = before.count ? log.find(before.id(0)) : -1
    this.log = log
    this.anew = null
    this.whole = true
    this.viewer.replaced(log, first < 0 ? NaN : first)
    this.viewer.gap(from)
  }

  private loadHistory(): void {
    if (this.whole || this.history) return
    if (this.log.events < TAIL) return this.known()
    this.head = new Log()
    this.history = new Stream(this.url, this.historySink(), { ...this.options, params: { follow: 'false' } })
    void this.history.run().then(() => this.settle())
  }

  // The tail was all there is.
  private known(): void {
    this.whole = true
    this.viewer.replaced(this.log, 0)
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
    const shift = head.count
    head.take(log)
    this.log = head
    this.whole = true
    this.viewer.replaced(head, shift)
  }
}
