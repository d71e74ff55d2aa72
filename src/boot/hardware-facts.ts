// Facts of the hardware as a node's agent reports them: text from a node, trusted only about itself. They go into files of all nodes, such as
// slurm.conf, so each has the form of its kind.

const COUNT = /^\d{1,12}$/;

/** The form of a fact; others are any text of a line. */
const FORMS: ReadonlyMap<string, RegExp> = new Map([
  ...['cpus', 'memory_kb', 'boards', 'sockets', 'cores_per_socket', 'threads_per_core'].map(
    name => [name, COUNT] as const,
  ),
  ['arch', /^\w{1,32}$/],
  ['kernel', /^[\w.+~-]{1,128}$/],
  ['macs', /^[0-9a-f: ]{1,1024}$/i],
]);

/** Returns the facts that have their form. */
export function hardwareFacts(reported: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(reported).filter(([name, value]) => FORMS.get(name)?.test(value) ?? true));
}
