// Jobs as the server lists them, and how a list of them is shown.

import { millis } from './event.ts'

export interface Job {
  id: string
  state: string
  ended: boolean
  time: number // of its last line, in milliseconds since 1970; NaN if it has none
}

/** The jobs of an answer. */
export function jobsOf(answer: { jobs: Record<string, unknown>[] }): Job[] {
  return answer.jobs.map((job) => ({
    id: String(job.id), state: String(job.state), ended: job.ended === true, time: millis(job.event_time),
  }))
}

/** What a job's state is called where there is none. */
export const nameOf = (job: Job) => job.state || (job.ended ? 'ended' : 'running')

/** Whether all words are in a job's id or its state. */
export function matches(job: Job, words: string): boolean {
  const text = `${job.id} ${nameOf(job)}`.toLowerCase()
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}

/** The jobs in the places that they have on the page; those that are new to it come last. */
export function inPlace(jobs: Job[], ids: string[]): Job[] {
  const places = new Map(ids.map((id, i) => [id, i]))
  const place = (job: Job) => places.get(job.id) ?? ids.length
  return jobs.slice().sort((a, b) => place(a) - place(b))
}

/** The address of a job's page, from a page beside it. There is none of . and .., which lead elsewhere however they are written. */
export function linkTo(id: string): string {
  return /^\.\.?$/.test(id) ? '' : encodeURIComponent(id)
}
