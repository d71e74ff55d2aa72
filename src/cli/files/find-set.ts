// A file set by its name: an object, or one that comes with muster.
import { OBJECTS, type Shown } from '../../api/objects.ts';
import { MusterError } from '../../errors.ts';
import { isShipped } from '../../model/shipped-sets.ts';
import type { Context } from '../table.ts';

/** Returns a set as an object; undefined when it comes with muster, and no object has its name. */
export async function findSet({ client }: Pick<Context, 'client'>, id: string): Promise<Shown | undefined> {
  try {
    return await client.call(OBJECTS.get, { kind: 'files', params: { id } });
  } catch (error) {
    if (error instanceof MusterError && error.code === 'no-such-object' && isShipped(id)) return undefined;
    throw error;
  }
}
