// The lines of a log, a million of them in little memory: text by chunks, each
// joined to one string when it is full, and columns of numbers beside it.

import { ERROR, ranks, type Event } from './event.ts'
import { isPlain, linesOf, type Mark } from './lines.ts'
import { Listed } from './rows.ts'

export const SIZE = 1024 // lines of a chunk

const LOWEST = -(2n ** 63n), HIGHEST = 2n ** 63n

export const TRUNCATED = 1 // more of the message was not read

export interface Chunk {
  text: string[] | string // an array while it is filled, then lines joined by LF
  ends: Uint32Array // where lines end in the text
  times: Float64Array
  ids: BigInt64Array
  ranks: Uint8Array
  flags: Uint8Array
  coloured: boolean // some text has escapes
  least: bigint // ids
  most: bigint
}

function chunk(): Chunk {
  return {
    text: [], ends: new Uint32Array(0), times: new Float64Array(SIZE), ids: new BigInt64Array(SIZE),
    ranks: new Uint8Array(SIZE), flags: new Uint8Array(SIZE), coloured: false, least: HIGHEST, most: LOWEST,
  }
}

export class Log {
  count = 0
  events = 0
  most = LOWEST // of all ids
  readonly counts = ranks.map(() => 0)
  readonly chunks: Chunk[] = []
  readonly marks: (Mark & { line: number })[] = []
  readonly errors = new Listed() // lines of errors and worse

  append(e: Event): void {
    this.events++
    if (isPlain(e.message)) return this.push(e.message, e, e.truncated ? TRUNCATED : 0)
    const lines = linesOf(e.message)
    lines.forEach((line, i) => {
      for (const mark of line.marks) this.mark(mark, e)
      this.push(line.text, e, e.truncated && i === lines.length - 1 ? TRUNCATED : 0)
    })
  }

  private mark(mark: Mark, e: Event): void {
    this.marks.push({ ...mark, line: this.count, time: Number.isNaN(mark.time) ? e.time : mark.time })
  }

  private push(text: string, e: { id: bigint; time: number; rank: number }, flags: number): void {
    const at = this.count % SIZE
    if (at === 0) this.chunks.push(chunk())
    const c = this.chunks[this.chunks.length - 1]!
    ;(c.text as string[]).push(text)
    c.times[at] = e.time
    c.ids[at] = e.id
    c.ranks[at] = e.rank
    c.flags[at] = flags
    if (text.includes('\x1b')) c.coloured = true
    if (e.id < c.least) c.least = e.id
    if (e.id > c.most) c.most = e.id
    if (e.id > this.most) this.most = e.id
    this.counts[e.rank]!++
    if (e.rank >= ERROR) this.errors.push(this.count)
    this.count++
    if (at === SIZE - 1) seal(c)
  }

  /** Appends the lines of another log. */
  take(other: Log): void {
    for (const m of other.marks) this.marks.push({ ...m, line: m.line + this.count })
    for (let i = 0; i < other.count; i++) {
      const c = other.chunks[Math.floor(i / SIZE)]!, at = i % SIZE
      this.push(other.text(i), { id: c.ids[at]!, time: c.times[at]!, rank: c.ranks[at]! }, c.flags[at]!)
    }
    this.events += other.events
  }

  text(line: number): string {
    const c = this.chunks[Math.floor(line / SIZE)]!, at = line % SIZE
    if (typeof c.text !== 'string') return c.text[at]!
    return c.text.slice(at ? c.ends[at - 1]! + 1 : 0, c.ends[at])
  }

  /** Lines joined by LF, in parts as they are kept; to the end of a chunk or to the end of all. */
  parts(from: number, to: number): string[] {
    const parts: string[] = []
    for (; from < to; from = (Math.floor(from / SIZE) + 1) * SIZE) {
      const c = this.chunks[Math.floor(from / SIZE)]!, at = from % SIZE
      if (typeof c.text !== 'string') parts.push(c.text.slice(at, at + to - from).join('\n'))
      else parts.push(at ? c.text.slice(c.ends[at - 1]! + 1) : c.text)
    }
    return parts
  }

  /** The length of a line's text, escapes included. */
  length(line: number): number {
    const c = this.chunks[Math.floor(line / SIZE)]!, at = line % SIZE
    if (typeof c.text !== 'string') return c.text[at]!.length
    return c.ends[at]! - (at ? c.ends[at - 1]! + 1 : 0)
  }

  time = (line: number): number => this.chunks[Math.floor(line / SIZE)]!.times[line % SIZE]!
  rank = (line: number): number => this.chunks[Math.floor(line / SIZE)]!.ranks[line % SIZE]!
  flags = (line: number): number => this.chunks[Math.floor(line / SIZE)]!.flags[line % SIZE]!

  id = (line: number): bigint => this.chunks[Math.floor(line / SIZE)]!.ids[line % SIZE]!

  /** The first line of an event; -1 if it is not there. */
  find(id: bigint): number {
    if (id > this.most) return -1
    for (let i = 0; i < this.chunks.length; i++) {
      const c = this.chunks[i]!
      if (id < c.least || id > c.most) continue
      const at = c.ids.subarray(0, this.count - i * SIZE).indexOf(id)
      if (at >= 0) return i * SIZE + at
    }
    return -1
  }

  /** Whether an event is there. Ids mostly grow, so that few chunks are looked through. */
  has(id: bigint): boolean {
    if (id > this.most) return false
    for (let i = this.chunks.length - 1; i >= 0; i--) {
      const c = this.chunks[i]!
      if (id >= c.least && id <= c.most && c.ids.includes(id)) return true
    }
    return false
  }
}

function seal(c: Chunk): void {
  const lines = c.text as string[]
  c.ends = new Uint32Array(lines.length)
  let end = -1
  lines.forEach((line, i) => { c.ends[i] = end += line.length + 1 })
  c.text = lines.join('\n')
}
