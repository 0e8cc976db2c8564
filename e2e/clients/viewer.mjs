// viewer.mjs <chromium|firefox> <empty folder>: drives the page in a browser.
// It reads calls, one JSON array a line, the name and its arguments, and prints
// for each an object with its value or its error. It ends with its input.
import { createInterface } from 'node:readline'
import { Chromium } from './chromium.mjs'
import { Firefox } from './firefox.mjs'

const [engine, folder] = process.argv.slice(2)
const browser = await (engine === 'firefox' ? Firefox : Chromium).launch(folder)
process.on('SIGINT', () => {}) // the input ends as well, and so does the browser

// What expressions may use of the page, and how those that wait do so.
const words = `
  const root = document.querySelector('job-log')?.shadowRoot ?? document
  const $ = (s) => root.querySelector(s), $$ = (s) => [...root.querySelectorAll(s)]
  const caret = (row, at) => {
    const range = document.createRange(), text = document.createTreeWalker(row.querySelector('.m'), NodeFilter.SHOW_TEXT).nextNode()
    range.setStart(text, at)
    range.setEnd(text, at + 1)
    const { left, top, height } = range.getBoundingClientRect()
    return [left + 1, top + height / 2]
  }
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  const soon = () => new Promise((done) => setTimeout(done, 20))
  const until = async (holds, ms) => {
    for (const end = Date.now() + ms; ;) {
      let value, failure
      try { value = await holds() } catch (error) { failure = error }
      if (value) return value
      if (Date.now() > end) throw new Error((failure ?? 'it does not hold') + '; the page says ' + ($('.app') ?? document.body)?.innerText.slice(0, 2000))
      await soon()
    }
  }
`
const run = (body) => browser.evaluate(`(async () => { ${words}; return JSON.stringify(await (${body}) ?? null) })()`)

// Where an element is that nothing lies over.
const middle = (element) => calls.eval(`(() => {
  const e = ${element}, r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2
  const on = root.elementFromPoint(x, y)
  if (!e.contains(on)) throw new Error('another element is there: ' + on?.outerHTML.slice(0, 200))
  return [x, y]
})()`)

const calls = {
  eval: async (body) => JSON.parse(await run(body)),
  await: async (body, ms) => JSON.parse(await run(`until(async () => (${body}), ${ms})`)),
  click: async (element) => browser.click(...await middle(element)),
  hover: async (element) => browser.hover(...await middle(element)),
  tap: async (element) => browser.tap(...await middle(element)),
  // The mouse goes down, moves and goes up where an expression says.
  down: async (place) => browser.down(...await calls.eval(place)),
  move: async (place) => browser.hover(...await calls.eval(place)),
  // What the menu of downloads has under a name.
  download: async (name) => {
    await calls.click(`$('summary')`)
    return browser.download(() => calls.click(`$$('.menu a').find((a) => a.textContent === ${JSON.stringify(name)})`))
  },
  problem: async (start, ms) => {
    for (const end = Date.now() + ms; !browser.problems().some((p) => p.startsWith(start));) {
      if (Date.now() > end) throw new Error('the problems are ' + JSON.stringify(browser.problems()))
      await new Promise((done) => setTimeout(done, 20))
    }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = JSON.parse(line)
  let answer
  try {
    answer = { value: (await (calls[name] ?? browser[name].bind(browser))(...args)) ?? null }
  } catch (error) {
    answer = { error: String(error.stack ?? error) }
  }
  console.log(JSON.stringify(answer))
}
await browser.close()
