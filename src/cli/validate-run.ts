import { UsageError } from '../core/errors.ts'
export async function runValidate(_rows: readonly string[], _flags: unknown): Promise<number> {
  throw new UsageError('not yet')
}
