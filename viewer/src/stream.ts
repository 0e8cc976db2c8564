// The client of a stream: it connects, reconnects where it was, and says how
// things are. EventSource would hide statuses and waits, and tells of no end.

import { Parser, type Listener } from './sse.ts'
import { eventOf, type Event } from './event.ts'
import { Budget } from './pause.ts'
import { said } from './said.ts'

export type State =
  | { kind: 'connecting' | 'live' | 'waiting' | 'expired' }
  | { kind: 'reconnecting'; until: number; reason: string }
  | { kind: 'complete'; state: string }
  | { kind: 'refused'; status: number; reason: string }

export interface Sink {
  event(e: Event): void
  flush(): void // what was read at once is handed on
  gap(reason: string): void
  caughtUp(): void
  job(state: string): void
  state(s: State): void
  clock(date: number): void // the server's, now
}

/** How a log is asked for. Streams of it share this: each request has the headers of its time. */
export interface Options {
  headers?: Record<string, string>
  readonly credentials?: RequestCredentials
}

const SILENCE = 45_000 // at least
const HEARTBEATS = 3
const LONGEST_SILENCE = 600_000
const LONGEST = 30_000
const SLICE = 32_768 // bytes that are read before others may have the thread
const LOGIN = 'What answers is no log: a page to log in, perhaps.'

// What asks for a login answers with a page, and 200.
const isStream = (r: Response) => /^text\/event-stream\b/i.test(r.headers.get('Content-Type') ?? '')

export class Stream {
  cursor = ''
  private retry = 2000
  private failures = 0
  private reason = '' // that the server told
  private silent = '' // why it tells nothing, as far as a browser knows
  private over = false
  private stopped = false
  private running = false
  private anew = false // it connects again, at once
  private sent: Options['headers'] // with the last request
  private bye = false
  private met = false // it has answered
  private heard = 0
  private quiet = 0 // before what was heard last
  private silence = SILENCE
  private abort = new AbortController()
  private wake = () => {}

  constructor(
    private readonly url: string,
    private readonly sink: Sink,
    private readonly options: Options,
    private readonly params: Record<string, string>,
  ) {}

  async run(): Promise<void> {
    addEventListener('online', this.again)
    this.running = true
    while (!this.over) {
      await this.connect()
      if (!this.over && !this.anew) await this.wait()
    }
    this.running = false
    removeEventListener('online', this.again)
  }

  stop(): void {
    this.over = this.stopped = true
    this.abort.abort()
    this.wake()
  }

  /** Tries at once what else is tried later, or by the reader's wish after a refusal. */
  again = (): void => {
    if (!this.over) return this.wake()
    if (this.stopped) return
    this.over = false
    if (this.running) this.anew = true // it has just ended
    else void this.run()
  }

  private async connect(): Promise<void> {
    this.abort = new AbortController()
    this.bye = this.anew = false
    this.reason = this.silent = ''
    this.sink.state({ kind: 'connecting' })
    this.heard = Date.now()
    const watchdog = setInterval(() => this.watch(), 5000)
    try {
      await this.answer(await this.ask())
    } catch {
      // The network, or the watchdog: it is tried again.
    } finally {
      clearInterval(watchdog)
    }
  }

  // No browser tells a page why it gets no answer. If there was one before, its
  // origin is not the reason.
  private async ask(): Promise<Response> {
    const url = this.address()
    try {
      const response = await fetch(url, this.request())
      this.met = true
      return response
    } catch (error) {
      const origin = new URL(url).origin === location.origin ? '' : ', or lets no page of this origin read the log'
      if (!this.met) this.silent = 'the server does not answer' + origin
      throw error
    }
  }

  // A connection that is dead without word. If it was none, the server is of
  // fewer words than thought.
  private watch(): void {
    if (Date.now() - this.heard <= this.silence) return
    this.bear(this.silence * 2)
    this.abort.abort()
  }

  private bear(silence: number): void {
    this.silence = Math.min(Math.max(silence, SILENCE), LONGEST_SILENCE)
  }

  // What is said on a silent connection tells how often that is.
  private heartbeat(text: string): void {
    this.bear(this.quiet * HEARTBEATS)
    this.sink.state({ kind: text === 'waiting' ? 'waiting' : 'live' })
  }

  private address(): string {
    const url = new URL(this.url, location.href)
    for (const [name, value] of Object.entries(this.params)) {
      if (name !== 'tail' || !this.cursor) url.searchParams.set(name, value)
    }
    return url.href
  }

  private request(): RequestInit {
    this.sent = this.options.headers
    const headers: Record<string, string> = { Accept: 'text/event-stream', ...this.sent }
    if (this.cursor) headers['Last-Event-ID'] = this.cursor
    return { headers, credentials: this.options.credentials ?? 'same-origin', cache: 'no-store', signal: this.abort.signal }
  }

  private async answer(response: Response): Promise<void> {
    const date = Date.parse(response.headers.get('Date') ?? '')
    if (date) this.sink.clock(date)
    if (response.status === 204) return this.end({ kind: 'complete', state: '' })
    if (response.ok && response.body) return isStream(response) ? this.read(response.body) : this.keptOut(response.status, LOGIN)
    const reason = await said(response)
    const { status } = response
    if (status === 429 || status >= 500) {
      const after = Number(response.headers.get('Retry-After'))
      if (after > 0) this.retry = after * 1000
      this.reason = reason
    } else if (status === 401) this.keptOut(status, reason)
    else this.refuse({ kind: 'refused', status, reason })
  }

  private keptOut(status: number, reason: string): void {
    this.refuse(this.cursor ? { kind: 'expired' } : { kind: 'refused', status, reason })
  }

  // Who has been given other headers since the request was made comes again with them.
  private refuse(state: State): void {
    if (this.sent === this.options.headers) return this.end(state)
    this.anew = true
    this.abort.abort()
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const parser = new Parser(this.listener)
    const reader = body.getReader()
    const budget = new Budget()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      this.quiet = Date.now() - this.heard
      this.heard += this.quiet
      for (let at = 0; at < value.length; at += SLICE) {
        parser.push(value.subarray(at, at + SLICE))
        this.sink.flush()
        if (this.over || this.anew) return
        if (budget.spent()) await budget.rest()
      }
    }
    // One that was not to be followed has ended as it should.
    if (this.params.follow === 'false' && !this.bye && !this.over) this.end(null)
  }

  private end(state: State | null): void {
    this.over = true
    this.abort.abort()
    if (state) this.sink.state(state)
  }

  private readonly listener: Listener = {
    id: (id) => { this.cursor = id },
    retry: (ms) => { this.retry = ms },
    comment: (text) => this.heartbeat(text),
    event: (name, data) => {
      if (this.over || this.anew) return
      try {
        this.heardEvent(name, JSON.parse(data), data)
      } catch (error) {
        console.error('job-log: an event that is no JSON', error)
      }
    },
  }

  private heardEvent(name: string, data: Record<string, any>, json: string): void {
    const reason = String(data.reason ?? '')
    switch (name) {
      case 'message': return this.message(data, json)
      case 'caught_up': return this.live()
      case 'gap': return this.sink.gap(reason)
      case 'state': return this.sink.job(String(data.state))
      case 'auth_expired': return this.refuse({ kind: 'expired' })
      case 'bye':
      case 'error':
        this.bye = true
        this.reason = reason
    }
  }

  private message(data: Record<string, any>, json: string): void {
    if (data.log) {
      this.failures = 0
      this.sink.event(eventOf(data.log, json))
    } else if (data.type === 'complete') {
      this.sink.flush()
      this.end({ kind: 'complete', state: String(data.state ?? '') })
    }
  }

  private live(): void {
    this.failures = 0
    this.sink.flush()
    this.sink.caughtUp()
    this.sink.state({ kind: 'live' })
  }

  // All that lost their server at once are not to come back at once.
  private wait(): Promise<void> {
    const base = Math.min(this.retry * 1.5 ** this.failures++, Math.max(LONGEST, this.retry))
    const ms = this.bye || this.reason ? base * (1 + 0.2 * Math.random()) : base * (0.5 + Math.random())
    this.sink.state({ kind: 'reconnecting', until: Date.now() + ms, reason: this.reason || this.silent })
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
