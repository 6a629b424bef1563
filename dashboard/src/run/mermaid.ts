/** A drawing as Mermaid's text. Ids and labels are somebody's: none of them may be Mermaid's own syntax. Pure. */
import type { Drawing, State } from '../graph/model.js'

const COLOURS: Record<State, string> = {
  done: 'fill:#d1fae5,stroke:#047857,color:#064e3b',
  failed: 'fill:#fee2e2,stroke:#b91c1c,color:#7f1d1d',
  awaiting: 'fill:#e0e7ff,stroke:#4338ca,color:#312e81',
  due: 'fill:#dbeafe,stroke:#1d4ed8,color:#1e3a8a',
  idle: 'fill:#f3f4f6,stroke:#6b7280,color:#374151',
  unreached: 'fill:#ffffff,stroke:#9ca3af,color:#4b5563',
}

export function mermaidOf({ boxes, lines }: Drawing): string {
  const names = new Map(boxes.map(({ id }, at) => [id, `n${at}`]))
  const states = [...new Set(boxes.map(({ state }) => state))]
  return [
    'flowchart LR',
    ...states.map((state) => `  classDef ${state} ${COLOURS[state]}`),
    ...boxes.map(({ id, title, state }) => `  ${names.get(id)}["${escaped(title)}"]:::${state}`),
    ...lines.map(({ source, target, label, isBack, isInner }) => {
      const arrow = isBack || isInner ? '-.->' : '-->'
      return `  ${names.get(source)} ${arrow}${label === undefined ? '' : `|"${escaped(label)}"|`} ${names.get(target)}`
    }),
    '',
  ].join('\n')
}

/** Whatever is neither a letter nor a digit, by its number. */
function escaped(text: string): string {
  return text.replace(/[^\p{L}\p{N} ._-]/gu, (sign) => `#${sign.codePointAt(0)};`)
}
