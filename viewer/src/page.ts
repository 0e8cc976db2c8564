// The page around a log: which job it is of, and its title.

import { jobOf } from './job.ts'

const log = document.querySelector('job-log')!
const job = jobOf(location.pathname, Number(told('after')))

/** What the server tells the page; empty if it does not. */
function told(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="job-log-${name}"]`)?.content ?? ''
}

function source(): string {
  const url = new URL(told('src') || location.pathname.replace(/\/$/, '') + '/logs', location.href)
  const link = new URLSearchParams(location.search).get('link')
  if (link) url.searchParams.set('link', link)
  return url.href
}

document.title = job
log.addEventListener('joblog', (e) => {
  document.title = `${job} · ${(e as CustomEvent<{ name: string }>).detail.name}`
})
document.querySelector('h1')!.textContent = job
log.setAttribute('job', job)
log.setAttribute('src', source())
