// Heights of rows and their sums: a Fenwick tree, so that where a row is, and
// which row is somewhere, takes a few steps for a million of them.

export class Heights {
  count = 0
  private tree = new Float64Array(1024) // from 1
  private height = new Float64Array(1024)

  /** Keeps the first rows, and forgets all others. */
  cut(count: number): void {
    this.count = Math.min(count, this.count)
  }

  push(height: number): void {
    const i = ++this.count
    if (i >= this.tree.length) this.grow()
    this.height[i] = height
    // A node is the sum of its range, which ends at i.
    let sum = height
    for (let step = 1; step < (i & -i); step <<= 1) sum += this.tree[i - step]!
    this.tree[i] = sum
  }

  private grow(): void {
    const [tree, height] = [this.tree, this.height]
    this.tree = new Float64Array(tree.length * 2)
    this.height = new Float64Array(tree.length * 2)
    this.tree.set(tree)
    this.height.set(height)
  }

  /** Sets a row's height and returns the difference. */
  set(row: number, height: number): number {
    const by = height - this.height[row + 1]!
    if (by === 0) return 0
    this.height[row + 1] = height
    for (let i = row + 1; i <= this.count; i += i & -i) this.tree[i]! += by
    return by
  }

  get(row: number): number {
    return this.height[row + 1]!
  }

  /** The sum of the heights of all rows before one. */
  offset(row: number): number {
    let sum = 0
    for (let i = Math.min(row, this.count); i > 0; i -= i & -i) sum += this.tree[i]!
    return sum
  }

  get total(): number {
    return this.offset(this.count)
  }

  /** The row at an offset: the last one that begins there or before. */
  rowAt(offset: number): number {
    let row = 0
    let step = 1
    while (step * 2 <= this.count) step *= 2
    for (; step > 0; step >>= 1) {
      if (row + step <= this.count && this.tree[row + step]! <= offset) {
        row += step
        offset -= this.tree[row]!
      }
    }
    return Math.max(0, Math.min(row, this.count - 1))
  }
}
