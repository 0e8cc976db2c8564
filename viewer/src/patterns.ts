// Patterns in a worker, since nothing can stop a pattern that takes for ever
// but the end of its thread. The module is its own worker: no other file is
// needed, and no policy that lets pages make scripts.

import { MOST, rangesIn } from './match.ts'
import { Budget } from './pause.ts'
import { plain } from './sgr.ts'

// Lines, many to a part: few texts are sent sooner than many, and those that the
// log keeps are not put together before, which would leave as much garbage.
interface Task { source: string; flags: string; parts: string[] }

/** What a worker says of lines: which match, and in which of these that takes long. */
export interface Answer { hits: number[]; slow: number[] }

const PATIENCE = 2000 // ms for a task
const SLOW = 4 // ms for a line
const SHORT = 200 // characters, in which few patterns take long
const FEW = 1000 // characters of a line that are looked at on the page

/** In the worker. */
export function serve(): void {
  const scope = globalThis as unknown as { onmessage: (e: MessageEvent<Task>) => void; postMessage(a: Answer | null): void }
  scope.onmessage = ({ data }) => scope.postMessage(work(data))
  scope.postMessage(null)
}

export function work({ source, flags, parts }: Task): Answer {
  const look = new Look(new RegExp(source, flags), MOST)
  for (const part of parts) {
    const text = plain(part)
    for (let from = 0, end; from <= text.length; from = end + 1) {
      end = text.indexOf('\n', from)
      if (end < 0) end = text.length
      look.at(text.slice(from, end))
    }
  }
  return look.answer
}

// Looks at lines, one after the other, and at so many characters of each.
class Look {
  readonly answer: Answer = { hits: [], slow: [] }
  private number = 0
  private readonly risky: boolean

  constructor(private readonly re: RegExp, private readonly most: number) { this.risky = risky(re.source) }

  at(line: string): void {
    const { re, answer } = this, number = this.number++
    if (line.length > this.most) line = line.slice(0, this.most)
    re.lastIndex = 0
    const first = re.exec(line)
    if (!first || (first[0] === '' && !rangesIn(re, line).length)) return
    answer.hits.push(number)
    if ((this.risky || line.length > SHORT) && isSlow(re, line)) answer.slow.push(number)
  }
}

function isSlow(re: RegExp, line: string): boolean {
  const begun = performance.now()
  rangesIn(re, line)
  return performance.now() - begun > SLOW
}

/**
 * On the page, for one search, whose worker ends with it: nothing of another
 * search can get between its questions and answers.
 */
export class Patterns {
  /** Characters of a line that are looked at. */
  most = MOST
  private worker: Promise<Worker | null> | null = null
  private readonly asked: { resolve(a: Answer): void; reject(e: Error): void }[] = [] // the worker answers in this order
  private timer = 0

  async run(re: RegExp, parts: string[]): Promise<Answer> {
    const task = { source: re.source, flags: re.flags, parts }
    const worker = await (this.worker ??= start())
    if (worker) return this.ask(worker, task)
    if (risky(re.source)) throw new Error('a pattern that may take for ever is not tried here')
    this.most = FEW
    const look = new Look(re, FEW), budget = new Budget()
    for (const line of parts.flatMap((part) => plain(part).split('\n'))) {
      if (budget.spent()) await budget.rest()
      look.at(line)
    }
    return look.answer
  }

  /** Ends the worker. What was asked is never answered. */
  stop(): void {
    clearTimeout(this.timer)
    void this.worker?.then((worker) => worker?.terminate())
    this.worker = null
    this.asked.length = 0
  }

  private ask(worker: Worker, task: Task): Promise<Answer> {
    worker.onerror = () => this.fail()
    worker.onmessage = (e) => this.answered(e.data)
    return new Promise((resolve, reject) => {
      this.asked.push({ resolve, reject })
      if (this.asked.length === 1) this.wait()
      worker.postMessage(task)
    })
  }

  // A page that was busy hears its answers late, which the second timer waits for.
  private wait(): void {
    this.timer = setTimeout(() => { this.timer = setTimeout(() => this.fail(), 100) }, PATIENCE)
  }

  private answered(answer: Answer): void {
    clearTimeout(this.timer)
    this.asked.shift()?.resolve(answer)
    if (this.asked.length) this.wait()
  }

  private fail(): void {
    const [first] = this.asked
    this.stop()
    first?.reject(new Error('the pattern takes too long'))
  }
}

interface TrustedTypes { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string } }
let policy: { createScriptURL(url: string): string } | undefined

// The worker, once it runs; null where there can be none: in a page of another
// origin than the module's, or of a policy that forbids it.
function start(): Promise<Worker | null> {
  return new Promise((resolve) => {
    try {
      if (new URL(import.meta.url).origin !== location.origin) return resolve(null)
      const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
      policy ??= trustedTypes?.createPolicy('job-log', { createScriptURL: (url) => url }) ?? { createScriptURL: (url) => url }
      const worker = new Worker(policy.createScriptURL(import.meta.url), { type: 'module' })
      worker.onmessage = () => resolve(worker)
      worker.onerror = () => resolve(null)
    } catch {
      resolve(null)
    }
  })
}

/**
 * Whether something is repeated that itself repeats something, or has several
 * ways, or whether there are more repetitions than two.
 */
export function risky(source: string): boolean {
  const varies = [false] // whether the groups around, the outermost first, can match in several ways
  let repeated = 0
  for (let i = 0; i < source.length; i++) {
    const c = source[i]!
    if (c === '\\') i++
    else if (c === '[') i = endOfClass(source, i)
    else if (c === '(') varies.push(false)
    else if (c === ')') {
      const inner = varies.pop()
      if (inner && /^[*+{]/.test(source.slice(i + 1))) return true
      if (inner) varies[varies.length - 1] = true
    } else if ('*+{|'.includes(c)) {
      if (c !== '|' && ++repeated > 2) return true
      varies[varies.length - 1] = true
    }
  }
  return false
}

function endOfClass(source: string, i: number): number {
  for (i++; i < source.length && source[i] !== ']'; i++) if (source[i] === '\\') i++
  return i
}
