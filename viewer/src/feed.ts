// A job's log as it comes: the newest lines at once and live, and beside it the
// whole log from its beginning, which takes their place when it is there. After a
// gap the whole log comes anew, and takes the place of what is shown when it is
// there.

import { Log } from './log.ts'
import { parting, shift } from './parting.ts'
import { Stream, type Options, type Sink, type State } from './stream.ts'
import { painted } from './pause.ts'
import { Turn } from './turn.ts'
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
  /** The time of the first line is known, since which others are told. */
  redraw(): void
  loading(lines: number): void
  state(s: State): void
  job(state: string): void
}

export class Feed {
  log = new Log()
  /** Whether the log begins with its first line: then the numbers of lines are known. */
  whole = false
  /** Whether the live stream has brought all there was. */
  caught = false
  skew = 0 // what the server's clock is ahead
  private head: Log | null = null
  private anew: Log | null = null // what comes since a gap
  // The highest id that was there when the history was asked for. In whichever
  // order the server has rows, by ids or as they were committed, those that follow
  // it in the history are in the tail, too, or are to come live.
  private edge = 0n
  private past = false // the history has come to that row
  private early: Event[] = [] // in the history, but not come live yet
  private late: Event[] = [] // come live, but in the history already
  private began: number | undefined // the time of the first line, by the history
  private timer = 0 // set while rows are awaited that the history has
  private readonly live: Stream
  private readonly turn: Turn
  private history: Stream | null = null

  constructor(
    private readonly url: string,
    private readonly viewer: Viewer,
    private readonly options: Options,
    tailFirst: boolean,
  ) {
    this.whole = !tailFirst
    this.turn = new Turn(url, options, (state) => this.job(state))
    this.live = new Stream(url, this.sink(), options, { state: 'true', ...(tailFirst && { tail: String(TAIL) }) })
  }

  start(): void {
    void this.live.run()
  }

  stop(): void {
    this.live.stop()
    this.turn.stop()
    this.leave()
  }

  // Lets go of a history that is not wanted any more.
  private leave(): void {
    clearTimeout(this.timer)
    this.timer = 0
    this.history?.stop()
    this.head = this.history = null
    this.early = []
    this.late = []
  }

  again(): void {
    this.live.again()
  }

  /** The time of the first line; NaN while it is not known. */
  get first(): number {
    return this.whole && this.log.count ? this.log.time(0) : (this.began ?? NaN)
  }

  private sink(): Sink {
    return {
      event: (e) => this.append(e),
      flush: () => this.flush(),
      gap: () => this.reset(),
      caughtUp: () => this.reached(),
      job: (state) => this.job(state),
      state: (s) => {
        this.viewer.state(s)
        if (s.kind === 'complete') this.ended(s.state)
        else if (s.kind !== 'live' && s.kind !== 'waiting') this.lost()
      },
      clock: (date) => { this.skew = date - Date.now() },
    }
  }

  // A row that overlapped may come twice: in the history and live, or after a
  // reconnect. Its id tells.
  private append(e: Event): void {
    const log = this.anew ?? this.log
    if (log.has(e.id)) return
    if (this.caught) this.turn.line()
    if (this.head?.has(e.id)) this.late.push(e)
    else log.append(e)
  }

  private flush(): void {
    if (this.anew) return this.viewer.loading(this.anew.count)
    this.viewer.grown()
    if (this.early.length && this.early.every((e) => this.log.has(e.id))) this.join()
  }

  private reached(): void {
    this.caught = true
    if (this.anew) this.renew(this.anew)
    else this.loadHistory()
  }

  private ended(state: string): void {
    this.turn.stop()
    if (!state) this.turn.ended()
    this.reached()
  }

  private job(state: string): void {
    this.viewer.job(state)
    this.turn.heard(state)
  }

  // Nothing comes for now, so that what the history has is not waited for.
  private lost(): void {
    this.caught = false
    this.turn.stop()
    if (this.anew) this.viewer.loading(0)
    if (this.timer) this.join()
  }

  private reset(): void {
    this.leave()
    this.caught = false
    this.began = undefined
    this.anew = new Log()
  }

  private renew(log: Log): void {
    const before = this.log, from = parting(before, log)
    this.log = log
    this.anew = null
    this.whole = true
    this.viewer.replaced(log, shift(before, log))
    this.viewer.gap(from)
  }

  /** Reads what was before the tail, if that is not there and not on its way. */
  loadHistory(): void {
    if (this.whole || this.history) return
    if (this.log.events < TAIL) return this.known()
    this.viewer.loading(0)
    this.head = new Log()
    this.edge = this.log.most
    this.past = false
    const history = this.history = new Stream(this.url, this.historySink(), this.options, { follow: 'false' })
    // It is much work: the newest lines are to be seen before.
    void painted().then(() => history.run()).then(() => { if (history === this.history) this.settle() })
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
      gap: () => { this.head = new Log(), this.early = [], this.past = false },
      state: (s) => (s.kind === 'refused' || s.kind === 'expired') && this.abandon(),
      caughtUp: nothing, job: nothing, clock: nothing,
    }
  }

  // What is there of the history is not its beginning to its end. It may be asked
  // for anew.
  private abandon(): void {
    const { late } = this
    this.leave()
    this.addAll(late)
    this.viewer.loading(-1)
  }

  private addAll(events: Event[]): void {
    for (const e of events) this.append(e)
    if (events.length) this.viewer.grown()
  }

  private before(e: Event): void {
    if (!this.head) return
    if (this.began === undefined) this.begin(e.time)
    this.past ||= e.id === this.edge
    if (this.log.has(e.id)) return
    if (this.past) this.early.push(e)
    else if (!this.head.has(e.id)) this.head.append(e)
  }

  private begin(time: number): void {
    this.began = time
    this.viewer.redraw()
  }

  private settle(): void {
    this.early = this.early.filter((e) => !this.log.has(e.id))
    if (!this.early.length || !this.caught) return this.join()
    this.timer = setTimeout(() => this.join(), PATIENCE)
  }

  // What the live stream did not bring by now goes after what it did.
  private join(): void {
    const { head, log, early } = this
    if (!head) return
    this.leave()
    const lines = head.count
    head.take(log)
    this.log = head
    this.whole = true
    this.viewer.replaced(head, lines)
    this.addAll(early)
  }
}
