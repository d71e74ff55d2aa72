// The fields of a kind as the API tells them.
import { fieldsOf, type Kind } from '../model/kinds.ts';
import type { FieldDescription } from './contract.ts';

export function describeFields(kind: Kind): FieldDescription[] {
  return fieldsOf(kind).map(({ name, meta, meaning }) => ({
    name,
    meaning,
    required: meta.required === true,
    read_only: meta.readOnly === true,
    file: meta.file === true,
    ...(meta.refers && { refers: meta.refers }),
  }));
}
