/** Tags: short texts by which runs are found. */
import { mistake } from '../errors.js'

/** How many tags a run has at most. */
const MOST = 20
/** How many characters a tag has at most. */
const LONGEST = 64

/** Checked tags, each once. `what` names them. */
export function checkedTags(tags: unknown, what = 'tags'): string[] {
  if (tags === undefined) return []
  if (!Array.isArray(tags)) throw mistake('INVALID_ARGUMENT', `${what}: an array of texts is wanted`)
  const different = [...new Set(tags as readonly unknown[])]
  const wrong = different.find((tag) => !isTag(tag))
  if (wrong !== undefined || different.includes(undefined)) {
    const message = `${what}: a tag is a text of 1 to ${LONGEST} characters, none of them a control character, and not ${shown(wrong)}`
    throw mistake('INVALID_ARGUMENT', message)
  }
  if (different.length > MOST) {
    throw mistake('INVALID_ARGUMENT', `${what}: at most ${MOST} tags, and not ${different.length}`)
  }
  return different as string[]
}

/** Characters, and not UTF-16 units: an emoji is one. */
function isTag(tag: unknown): boolean {
  return (
    typeof tag === 'string' && tag !== '' && tag.isWellFormed() && !/\p{Cc}/u.test(tag) && [...tag].length <= LONGEST
  )
}

function shown(tag: unknown): string {
  return typeof tag === 'string' ? JSON.stringify(tag) : `a value of the type ${tag === null ? 'null' : typeof tag}`
}
