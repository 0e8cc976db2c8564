// Which lines are shown, in which order: all but those that are folded away, or
// those of a list. A row is a place on the screen, a line one of the log.

export interface Rows {
  readonly count: number
  lineAt(row: number): number
  /** The row of a line, or of the nearest one before it that is shown; -1 if there is none. */
  rowAt(line: number): number
  /** How many rows at the beginning are those of others too; Infinity if all are. */
  common(others: Rows): number
}

/** The row that is so many rows after that of a line, or before, which itself may be none. */
export function beside(rows: Rows, line: number, by: number): number {
  const at = rows.rowAt(line), is = at >= 0 && rows.lineAt(at) === line
  return Math.max(0, Math.min(at + by + (by < 0 && !is ? 1 : 0), rows.count - 1))
}

/** All lines but those of some intervals, sorted and apart, ends included. The last may go on, to Infinity. */
export class Unfolded implements Rows {
  private readonly before: number[] = [] // hidden lines before each interval

  constructor(
    private readonly log: { readonly count: number },
    private readonly hidden: readonly (readonly [first: number, last: number])[],
  ) {
    let sum = 0
    for (const [first, last] of hidden) {
      this.before.push(sum)
      sum += last - first + 1
    }
    this.before.push(sum)
  }

  get count(): number {
    const end = this.hidden.at(-1)
    if (end?.[1] === Infinity) return Math.min(this.log.count, end[0]) - this.before.at(-2)!
    return this.log.count - this.before.at(-1)!
  }

  lineAt(row: number): number {
    const i = first(this.hidden.length, (i) => this.hidden[i]![0] - this.before[i]! > row)
    return row + this.before[i]!
  }

  rowAt(line: number): number {
    const i = first(this.hidden.length, (i) => this.hidden[i]![0] > line) - 1
    if (i < 0) return line
    const [begin, last] = this.hidden[i]!
    return (line <= last ? begin - 1 : line - (last - begin + 1)) - this.before[i]!
  }

  common(others: Rows): number {
    if (!(others instanceof Unfolded) || others.log !== this.log) return 0
    const here = this.hidden, there = others.hidden
    let i = 0
    while (here[i] && here[i]![0] === there[i]?.[0] && here[i]![1] === there[i]![1]) i++
    if (i === here.length && i === there.length) return Infinity
    return Math.min(here[i]?.[0] ?? Infinity, there[i]?.[0] ?? Infinity) - this.before[i]!
  }
}

/** A growing, sorted list of lines. */
export class Listed implements Rows {
  count = 0
  private list = new Uint32Array(1024)

  push(line: number): void {
    if (this.count === this.list.length) {
      const list = this.list
      this.list = new Uint32Array(list.length * 2)
      this.list.set(list)
    }
    this.list[this.count++] = line
  }

  lineAt(row: number): number {
    return this.list[row]!
  }

  rowAt(line: number): number {
    return this.after(line) - 1
  }

  common(others: Rows): number {
    return others === this ? Infinity : 0
  }

  /** The row of the first line after one. */
  after(line: number): number {
    return first(this.count, (i) => this.list[i]! > line)
  }

  has(line: number): boolean {
    return this.list[this.rowAt(line)] === line
  }
}

// The first of n for which something holds, that then holds for all after it.
function first(n: number, holds: (i: number) => boolean): number {
  let low = 0
  while (low < n) {
    const mid = (low + n) >> 1
    if (holds(mid)) n = mid
    else low = mid + 1
  }
  return low
}
