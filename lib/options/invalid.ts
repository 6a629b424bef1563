import { mistake } from '../errors.js'

/** One wording for a refused option: which one, what it accepts; never the value, which may hold a password. */
export function invalidOption(option: string, accepts: string): TypeError {
  return mistake('INVALID_OPTION', `Invalid option '${option}': expected ${accepts}`, { option })
}
