// What the head and its template threads send each other.

/** Values by the names that templates see. */
export type Values = Readonly<Record<string, unknown>>;

/** What all nodes share. */
export interface SharedValues {
  /** Names that templates see: `nodes` is sent separately, because it is large. */
  values: Values;
  digest: string;
}

/** One node of `nodes`. */
export interface ListedNode {
  uid: string;
  digest: string;
  value: Values;
}

/** The values of one node, by the names that templates see: `node`, `attributes`, `interfaces`. */
export type NodeValues = Readonly<Record<string, Values | readonly unknown[]>>;

export interface TemplateSource {
  /** `SET:PATH`, for messages. */
  name: string;
  text: string;
  /** Identifies the text and its partials. */
  digest: string;
  /** Whether it may read secrets. */
  secret: boolean;
  /** Texts of `.fileset/partials`, by name. */
  partials: Readonly<Record<string, string>>;
}

/** A template in a request: each thread gets its text once. */
export type SentTemplate = Omit<TemplateSource, 'text' | 'partials'> & {
  body?: Pick<TemplateSource, 'text' | 'partials'>;
};

export type ToTemplateThread =
  | { kind: 'forget-texts' }
  | {
      kind: 'shared';
      shared?: Values;
      nodes: readonly ListedNode[];
      /** UIDs of all nodes in their order. */
      order: readonly string[];
    }
  | {
      kind: 'render';
      id: number;
      values: NodeValues;
      /** Names of attributes that are secret. */
      secretNames: readonly string[];
      templates: readonly SentTemplate[];
      /** Whether to return where each line comes from. */
      traced: boolean;
    };

/** What was read, in the order of the first read; of a file of the head, with what identifies its content. */
export type Read = readonly [name: string, identity?: string];

/** Where one line of a result comes from. */
export interface LineOrigin {
  /** The name of the template or partial, and the line in it. */
  template: string;
  line: number;
  /** Names of the values that the line used. */
  reads: readonly string[];
}

export interface WrittenFile {
  text: string;
  /** Whether the text is base64 of the file's bytes. */
  isBase64?: boolean;
  /** By line of the text; only when traced. */
  origins?: readonly LineOrigin[];
}

/** A file of the tag `file`. */
export interface FurtherFile extends WrittenFile {
  path: string;
  mode?: number;
  owner?: string;
  group?: string;
}

export type TemplateResult =
  | {
      /** None with the tag `skip`. */
      main?: WrittenFile;
      further: readonly FurtherFile[];
    }
  | { failed: TemplateFailure };

export interface TemplateFailure {
  /** `SET:PATH`, or a partial of the set. */
  template: string;
  /** Both from 1; 0 when the place is not known. */
  line: number;
  column: number;
  reason: string;
  /** Whether another attempt may succeed: it took too long. */
  mayPass?: true;
}

/** The thread has started. */
export interface Started {
  kind: 'started';
}

export interface FromTemplateThread {
  kind: 'rendered';
  id: number;
  /** Of the next templates of the request, in their order. */
  outcomes: readonly { result: TemplateResult; reads: readonly Read[] }[];
}

/** Returns a failure as one line: `SET:PATH:3:12: reason`. */
export function failureText({ template, line, column, reason }: TemplateFailure): string {
  return line > 0 ? `${template}:${line}:${column}: ${reason}` : `${template}: ${reason}`;
}
