// Secret fields of objects in the database: encrypted there, and in memory as they were given.
import { isSecretName, maskPassword, maskUrls } from '../masking.ts';
import { type Field, fieldsOf, KIND_NAMES, type Kind, type Value } from '../model/kinds.ts';
import type { Sealing } from '../sealing.ts';

/** Marks an encrypted value: no value from an administrator has a NUL in it. */
const MARK = '\0sealed:';

const SECRET_FIELDS = Object.fromEntries(
  KIND_NAMES.map(kind => [kind, fieldsOf(kind).filter(({ meta }) => meta.secret !== undefined)]),
) as unknown as Readonly<Record<Kind, readonly Field[]>>;

export interface VaultOptions {
  sealing: Sealing;
  /** Receives each value that cannot be decrypted. musterd still starts, because boots need none of them. */
  unopened(what: string): void;
  /** Returns whether an attribute is secret for another reason than its name. */
  isSecretAttribute?(name: string): boolean;
}

export class Vault {
  private readonly options: VaultOptions;

  constructor(options: VaultOptions) {
    this.options = options;
  }

  /** Returns the value for the database. */
  seal<K extends Kind>(kind: K, value: Value<K>): Value<K> {
    return this.mapped(kind, value, (text, isSecret) => (isSecret && text !== '' ? this.sealed(text) : text));
  }

  /** Returns the value for memory. A text that cannot be decrypted stays as it is in the database. */
  open<K extends Kind>(kind: K, value: Value<K>): Value<K> {
    return this.mapped(kind, value, (text, _isSecret, place) => {
      if (!text.startsWith(MARK)) return text;
      const what = `${place} of ${kind} ${value.name}`;
      try {
        return this.options.sealing.open(Buffer.from(text.slice(MARK.length), 'base64'), what).toString();
      } catch {
        this.options.unopened(what);
        return text;
      }
    });
  }

  private sealed(text: string): string {
    return text.startsWith(MARK) ? text : MARK + this.options.sealing.seal(Buffer.from(text)).toString('base64');
  }

  /** Applies `change` to each text that a mark of the table of kinds says may be secret. */
  private mapped<K extends Kind>(
    kind: K,
    value: Value<K>,
    change: (text: string, isSecret: boolean, place: string) => string,
  ): Value<K> {
    const fields = SECRET_FIELDS[kind];
    if (fields.length === 0) return value;
    const result: Record<string, unknown> = { ...value };
    for (const { name, meta } of fields) {
      const held = result[name];
      if (meta.secret === 'uri' && typeof held === 'string')
        result[name] = change(held, held !== maskPassword(held), name);
      else if (meta.secret === 'urls' && Array.isArray(held))
        result[name] = held.map(item => change(String(item), item !== maskUrls(String(item)), name));
      else if (meta.secret === 'names' && typeof held === 'object' && held !== null)
        result[name] = Object.fromEntries(
          Object.entries(held).map(([key, text]) => [
            key,
            change(String(text), this.isSecret(key), `attribute ${key}`),
          ]),
        );
    }
    return result as Value<K>;
  }

  private isSecret(name: string): boolean {
    return isSecretName(name) || (this.options.isSecretAttribute?.(name) ?? false);
  }
}
