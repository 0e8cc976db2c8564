// The list of keys.

import { h } from './dom.ts'
import { list } from './keys.ts'

export function help(): HTMLDialogElement {
  const rows = list.map(([keys, what]) =>
    h('div', {}, h('dt', {}, ...keys.split('  ').map((key) => h('kbd', {}, key))), h('dd', {}, what)))
  const close = h('button', { class: 'plain', onclick: () => dialog.close() }, 'Close')
  // The button has the focus only by Tab: what has it is scrolled to.
  const title = h('h2', { tabindex: '-1', autofocus: true }, 'Keys')
  const dialog = h('dialog', { 'aria-label': 'Keys' }, title, h('dl', {}, ...rows),
    h('p', {}, 'A click on a line’s number makes a link to it; one with Shift, to all lines in between.'), close)
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close() })
  return dialog
}
