// Patterns in a worker, since nothing can stop a pattern that takes for ever
// but the end of its thread. The module is its own worker: no other file is
// needed, and no policy that lets pages make scripts.

import { matches } from './match.ts'

interface Task { source: string; flags: string; text: string } // lines, joined: one text is sent sooner than many

/** What a worker says of lines: which match, and which took long. */
export interface Answer { hits: number[]; slow: number[] }

const PATIENCE = 2000 // ms for a chunk of lines
const SLOW = 4 // ms for a line

/** In the worker. */
export function serve(): void {
  const scope = globalThis as unknown as { onmessage: (e: MessageEvent<Task>) => void; postMessage(a: Answer | null): void }
  scope.onmessage = ({ data }) => scope.postMessage(work(data))
  scope.postMessage(null)
}

export function work({ source, flags, text }: Task): Answer {
  const re = new RegExp(source, flags), hits: number[] = [], slow: number[] = []
  text.split('\n').forEach((line, i) => {
    const begun = performance.now()
    if (matches(re, line)) hits.push(i)
    if (performance.now() - begun > SLOW) slow.push(i)
  })
  return { hits, slow }
}

/** On the page. */
export class Patterns {
  private worker: Promise<Worker | null> | null = null

  async run(re: RegExp, text: string): Promise<Answer> {
    const task = { source: re.source, flags: re.flags, text }
    const worker = await (this.worker ??= start())
    if (worker) return this.ask(worker, task)
    if (risky(re.source)) throw new Error('a pattern that may take for ever is not tried here')
    return work({ ...task, text: text.replace(/^(.{1000}).*/gm, '$1') })
  }

  stop(): void {
    void this.worker?.then((worker) => worker?.terminate())
    this.worker = null
  }

  private ask(worker: Worker, task: Task): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = () => {
        this.stop()
        reject(new Error('the pattern takes too long'))
      }
      // A page that was busy hears its answers late, which the second timer waits for.
      let timer = setTimeout(() => { timer = setTimeout(fail, 100) }, PATIENCE)
      worker.onerror = fail
      worker.onmessage = (e) => {
        clearTimeout(timer)
        resolve(e.data)
      }
      worker.postMessage(task)
    })
  }
}

interface TrustedTypes { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string } }
let policy: { createScriptURL(url: string): string } | undefined

// The worker, once it runs. A page of another origin, or a policy that forbids
// workers, has none.
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

/** Whether something is repeated that itself repeats something, or has several ways. */
export function risky(source: string): boolean {
  const varies = [false] // whether the groups around, the outermost first, can match in several ways
  for (let i = 0; i < source.length; i++) {
    const c = source[i]!
    if (c === '\\') i++
    else if (c === '[') i = endOfClass(source, i)
    else if (c === '(') varies.push(false)
    else if (c === ')') {
      const inner = varies.pop()
      if (inner && /^[*+{]/.test(source.slice(i + 1))) return true
      if (inner) varies[varies.length - 1] = true
    } else if ('*+{|'.includes(c)) varies[varies.length - 1] = true
  }
  return false
}

function endOfClass(source: string, i: number): number {
  for (i++; i < source.length && source[i] !== ']'; i++) if (source[i] === '\\') i++
  return i
}
