/** The context of an attempt that may fail while its code runs on: what that writes then is not mixed with what the next one writes. */
import type { IAsyncContext, PatchOperation } from 'flowcraft'

type Context = IAsyncContext<Record<string, unknown>>

export class AttemptContext implements Context {
  readonly type = 'async' as const
  readonly #context: Context
  readonly #hasFailed: () => boolean

  /** `hasFailed`: whether the attempt writes no more. */
  constructor(context: Context, hasFailed: () => boolean) {
    this.#context = context
    this.#hasFailed = hasFailed
  }

  get(key: string): Promise<unknown> {
    return this.#context.get(key)
  }

  has(key: string): Promise<boolean> {
    return this.#context.has(key)
  }

  toJSON(): Promise<Record<string, unknown>> {
    return this.#context.toJSON()
  }

  async set(key: string, value: unknown): Promise<void> {
    if (!this.#hasFailed()) await this.#context.set(key, value)
  }

  async delete(key: string): Promise<boolean> {
    return this.#hasFailed() ? false : this.#context.delete(key)
  }

  async patch(operations: PatchOperation[]): Promise<void> {
    if (!this.#hasFailed()) await this.#context.patch(operations)
  }
}
