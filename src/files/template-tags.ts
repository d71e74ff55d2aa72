// The tags of templates besides those of LiquidJS: `file`, `skip`, `base64` and `fail`.
import {
  type Context,
  type Emitter,
  evalToken,
  Hash,
  type Liquid,
  type Parser,
  Tag,
  type TagToken,
  type Template,
  type TopLevelToken,
  TypeGuards,
  Value,
  type ValueToken,
} from 'liquidjs';
import { type FileEmitter, textOf } from './template-emitter.ts';
import type { FurtherFile } from './template-protocol.ts';
import { unknownText } from './template-scope.ts';

type TagClass = Extract<Parameters<Liquid['registerTag']>[1], abstract new (...args: never[]) => unknown>;

/** Tags of LiquidJS that are for web pages, or count through all partials. */
export const REMOVED_TAGS = ['layout', 'block', 'tablerow', 'increment', 'decrement'];
const FILE_KEYS = ['mode', 'owner', 'group'];
/** Files that one template may write. */
const MOST_FILES = 1000;

/** What the tags of the running template leave. */
export interface TagState {
  newEmitter(): FileEmitter;
  further: FurtherFile[];
  skipped: boolean;
  /** Whether the text of the template is base64 of the file's bytes. */
  isBase64: boolean;
}

/** Returns the tags. @param current the state of the template that is being rendered */
export function tagsFor(current: () => TagState): Record<string, TagClass> {
  class FileTag extends Tag {
    private readonly path: ValueToken;
    private readonly hash: Hash;
    private readonly templates: Template[] = [];

    constructor(token: TagToken, rest: TopLevelToken[], liquid: Liquid, parser: Parser) {
      super(token, rest, liquid);
      const path = this.tokenizer.readValue();
      if (!path) throw new Error('the tag file needs a path');
      this.path = path;
      this.hash = new Hash(this.tokenizer);
      for (const name of Object.keys(this.hash.hash))
        if (!FILE_KEYS.includes(name)) throw new Error(`the tag file: ${unknownText(name, FILE_KEYS)}`);
      for (let next = rest.shift(); next; next = rest.shift()) {
        if (TypeGuards.isTagToken(next) && next.name === 'endfile') return;
        this.templates.push(parser.parseToken(next, rest));
      }
      throw new Error('the tag file has no endfile');
    }

    override *render(context: Context): Generator<unknown, void, unknown> {
      const state = current();
      const path = textOf(yield evalToken(this.path, context));
      const hash = (yield this.hash.render(context)) as Record<string, unknown>;
      if (state.further.length >= MOST_FILES) throw new Error(`a template may write ${MOST_FILES} files`);
      const emitter = state.newEmitter();
      yield this.liquid.renderer.renderTemplates(this.templates, context, emitter);
      state.further.push({ path, ...ownerOf(hash), ...emitter.result() });
    }
  }

  class SkipTag extends Tag {
    override render(): void {
      current().skipped = true;
    }
  }

  class Base64Tag extends Tag {
    override render(): void {
      current().isBase64 = true;
    }
  }

  class FailTag extends Tag {
    private readonly reason: Value;

    constructor(token: TagToken, rest: TopLevelToken[], liquid: Liquid) {
      super(token, rest, liquid);
      this.reason = new Value(this.tokenizer.readFilteredValue(), liquid);
    }

    override *render(context: Context, _emitter: Emitter): Generator<unknown, void, unknown> {
      throw new Error(textOf(yield this.reason.value(context)));
    }
  }

  return { file: FileTag, skip: SkipTag, base64: Base64Tag, fail: FailTag };
}

function ownerOf({ mode, owner, group }: Record<string, unknown>): Pick<FurtherFile, 'mode' | 'owner' | 'group'> {
  const text = mode === undefined ? undefined : textOf(mode);
  if (text !== undefined && !/^[0-7]{3,4}$/.test(text))
    throw new Error(`the tag file: mode must be octal digits such as "0600", and not '${text}'`);
  return {
    ...(text !== undefined && { mode: Number.parseInt(text, 8) }),
    ...(owner !== undefined && { owner: textOf(owner) }),
    ...(group !== undefined && { group: textOf(group) }),
  };
}
