// Groups of lines, by the marks of GitHub's and GitLab's runners, and which
// lines are folded away.

import { Listed } from './rows.ts'
import type { Log } from './log.ts'

export interface Group {
  start: number // its line
  end: number // the last line that belongs to it; Infinity while it goes on
  name: string
  parent: Group | null
  depth: number
  began: number
  took: number // ms; NaN while it goes on
}

export class Groups {
  readonly list: Group[] = [] // by their first lines
  private readonly at = new Map<number, Group>()
  private readonly ends = new Listed() // lines that only say that a group ends
  private readonly chosen = new Map<number, boolean>() // what the reader opened and closed
  private open: Group | null = null // the innermost one that goes on
  private readonly going = new Map<string, number>() // how many go on, by name
  private marks = 0

  constructor(private readonly log: Log) {}

  /** Takes the new marks. True if groups have changed. */
  update(keepOpen: boolean): boolean {
    const { marks } = this.log
    if (this.marks === marks.length) return false
    for (; this.marks < marks.length; this.marks++) {
      const { kind, name, time, line } = marks[this.marks]!
      if (kind === 'start') this.begin(line, name, time)
      else this.finish(line, name, time, keepOpen)
    }
    return true
  }

  /** Takes what the reader chose in another log, of which this is the whole. */
  inherit(other: Groups, shift: number): void {
    for (const [line, open] of other.chosen) this.chosen.set(line + shift, open)
  }

  private begin(line: number, name: string, began: number): void {
    const parent = this.open
    this.open = { start: line, end: Infinity, name, parent, depth: parent ? parent.depth + 1 : 0, began, took: NaN }
    this.going.set(name, (this.going.get(name) ?? 0) + 1)
    this.list.push(this.open)
    this.at.set(line, this.open)
  }

  private finish(line: number, name: string, time: number, keepOpen: boolean): void {
    const bare = this.log.text(line) === ''
    if (bare && !this.ends.has(line)) this.ends.push(line) // a line may end several
    if (!this.going.get(name)) return // an end without its beginning
    let g: Group
    do {
      g = this.open!
      g.end = bare ? line : line - 1
      g.took = time - g.began
      if (keepOpen && !this.chosen.has(g.start)) this.chosen.set(g.start, true)
      this.going.set(g.name, this.going.get(g.name)! - 1)
      this.open = g.parent
    } while (g.name !== name)
  }

  of(line: number): Group | undefined { return this.at.get(line) }

  failed(g: Group): boolean {
    const { errors } = this.log
    const i = errors.after(g.start - 1)
    return i < errors.count && errors.lineAt(i) <= g.end
  }

  isOpen(g: Group): boolean {
    return this.chosen.get(g.start) ?? (g.end === Infinity || this.failed(g))
  }

  /** How many lines it shows when it is open, as all in it are; Infinity while it goes on. */
  size(g: Group): number {
    return g.end === Infinity ? Infinity : g.end - g.start - (this.ends.after(g.end) - this.ends.after(g.start))
  }

  set(g: Group, open: boolean): void { this.chosen.set(g.start, open) }

  /** Opens all groups around a line. True if one was closed. */
  uncover(line: number): boolean {
    let closed = false
    for (let g = this.around(line); g; g = g.parent) {
      if (g.start === line || this.isOpen(g)) continue
      this.chosen.set(g.start, true)
      closed = true
    }
    return closed
  }

  /** The innermost group that has a line. */
  around(line: number): Group | null {
    let low = 0, high = this.list.length
    while (low < high) {
      const mid = (low + high) >> 1
      if (this.list[mid]!.start <= line) low = mid + 1
      else high = mid
    }
    let g: Group | null = this.list[low - 1] ?? null
    while (g && g.end < line) g = g.parent
    return g
  }

  /** The lines that are not shown, as intervals. */
  hidden(): [number, number][] {
    const all: [number, number][] = []
    for (let i = 0; i < this.ends.count; i++) all.push([this.ends.lineAt(i), this.ends.lineAt(i)])
    for (const g of this.list) {
      if (g.end > g.start && !this.isOpen(g)) all.push([g.start + 1, g.end])
    }
    return joined(all)
  }
}

function joined(all: [number, number][]): [number, number][] {
  all.sort((a, b) => a[0] - b[0])
  const out: [number, number][] = []
  for (const [first, last] of all) {
    const before = out.at(-1)
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else out.push([first, last])
  }
  return out
}
