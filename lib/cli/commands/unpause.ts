/** `unpause`. */
export { unpause as run } from './pause.js'
