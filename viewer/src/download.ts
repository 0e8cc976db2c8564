// The whole log as a file: the same URL in another format.

import { decode } from './decode.ts'

export function downloadURL(src: string, format: 'text' | 'ndjson'): string {
  const url = new URL(src, location.href)
  url.searchParams.set('format', format)
  url.searchParams.set('follow', 'false')
  return url.href
}

/** What a file of a job's log is called. */
export function fileName(job: string, format: 'text' | 'ndjson'): string {
  return job.replace(/[^\p{L}\p{M}\p{N}_.-]+/gu, '_') + (format === 'text' ? '.log' : '.ndjson')
}

/** The job whose log is there, as far as its address tells. */
export function jobAt(src: string): string {
  const parts = new URL(src, location.href).pathname.split('/').filter(Boolean)
  return decode((parts.at(-1) === 'logs' ? parts.at(-2) : parts.at(-1)) ?? 'job')
}
