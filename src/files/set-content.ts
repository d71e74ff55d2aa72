// What a file set holds, as read from its archive: the tree, and how its files are used (docs/decisions/0010-file-sets.md).

/** How one file of a set is used; what is absent comes from the archive, or from the set's own settings. */
export interface FileRules {
  owner?: string;
  group?: string;
  /** Permission bits, 0 to 0o7777. */
  mode?: number;
  /** SELinux context. */
  context?: string;
  /** How the file is combined with the one of the image. */
  merge: Merge;
  /** Whether a template that fails leaves the file out, instead of failing the boot. */
  optional: boolean;
  secret: boolean;
  /** What happens to a file that was changed on the node. */
  localEdits: 'replace' | 'keep';
}

/** `names`: line by line, by the first field (up to a colon); `block`: between two marks; `replace`: not at all. */
export type Merge = 'replace' | 'names' | 'block';

export const SCRIPT_STAGES = ['before-root', 'root', 'boot', 'change', 'shutdown'] as const;
/** `called`: only when an `on_change` names it by `run`; no stage runs it. */
export type ScriptStage = (typeof SCRIPT_STAGES)[number] | 'called';

/** A script of a set, run at a stage of a node's life. */
export interface StageScript {
  stage: ScriptStage;
  /** Its name below `.fileset/scripts`. */
  name: string;
  content: Buffer;
  /** Whether its failure fails the boot. */
  required: boolean;
  /** Its time limit, in seconds. */
  seconds: number;
  /** Whether its content is secret: so are all scripts of a set that is secret as a whole. */
  secret?: boolean;
}

/** What runs on a node after one of these paths has changed. */
export interface OnChange {
  /** Globs of absolute paths. */
  paths: readonly string[];
  action: 'reload' | 'restart' | 'run';
  /** A systemd unit, or the name of a script of the set. */
  what: string;
}

export interface SetEntry {
  type: 'file' | 'folder' | 'link';
  /** Absolute path on the node, without the ending of a template. */
  path: string;
  isTemplate: boolean;
  /** Of a file. */
  content: Buffer;
  /** Of a link. */
  target: string;
  mode: number;
  /** A name, or a number in digits. */
  owner: string;
  group: string;
  /** Extended attributes, sorted by name. */
  xattrs: readonly (readonly [name: string, value: Buffer])[];
  rules: FileRules;
}

export interface SetContent {
  entries: readonly SetEntry[];
  scripts: readonly StageScript[];
  changes: readonly OnChange[];
  /** Texts of `.fileset/partials`, by name: parts that templates of the set include. */
  partials: Readonly<Record<string, string>>;
  /** Whether anything in it is secret, so that its content is stored encrypted. */
  secret: boolean;
}
