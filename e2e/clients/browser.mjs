// browser.mjs <page> <empty folder>: opens the page in Chromium and prints, one
// JSON object a line, what the page reports and the status of each response
// to its streams, until the page reports that its stream is closed.
import { chromium } from 'playwright-core'

const [address, profile] = process.argv.slice(2)
const print = (record) => console.log(JSON.stringify(record))

const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
})
const page = await browser.newPage()
page.on('response', (r) => new URL(r.url()).pathname.endsWith('/logs') && print({ response: r.status() }))
page.on('pageerror', (error) => print({ failure: String(error) }))

let close
const closed = new Promise((resolve) => { close = resolve })
await page.exposeFunction('report', (record) => {
  print(record)
  if (record.closed) close()
})
await page.goto(address)
await closed
await browser.close()
