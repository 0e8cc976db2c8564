// The list of keys.

import { h } from './dom.ts'
import { list } from './keys.ts'

export function help(): HTMLDialogElement {
  const rows = list.map(([keys, what]) =>
    h('div', {}, h('dt', {}, ...keys.split('  ').map((key) => h('kbd', {}, key))), h('dd', {}, what)))
  const close = h('button', { class: 'plain', onclick: () => dialog.close() }, 'Close')
  const dialog = h('dialog', { 'aria-label': 'Keys' }, h('h2', {}, 'Keys'), h('dl', {}, ...rows),
    h('p', {}, 'A click on a line’s number makes a link to it; one with Shift, to all lines in between.'), close)
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close() })
  return dialog
}
