// The names of each machine type in Node, RPM, Debian's kernel packages and Go (which OCI images use).

export interface MachineType {
  /** `process.arch` of Node. */
  node: string;
  /** RPM's, which is the kernel's too. */
  rpm: string;
  /** The flavour in `linux-image-FLAVOUR`. */
  debianKernel: string;
  /** GOARCH (OCI image specification, config.md). */
  go: string;
}

const TYPES: readonly MachineType[] = [
  { node: 'x64', rpm: 'x86_64', debianKernel: 'amd64', go: 'amd64' },
  { node: 'arm64', rpm: 'aarch64', debianKernel: 'arm64', go: 'arm64' },
  { node: 'ppc64', rpm: 'ppc64le', debianKernel: 'powerpc64le', go: 'ppc64le' },
  { node: 'ia32', rpm: 'i686', debianKernel: '686-pae', go: '386' },
];

/** Returns the machine type with this name in `key`; an unknown one has the same name everywhere. */
export function machineType(key: keyof MachineType, name: string): MachineType {
  return TYPES.find(type => type[key] === name) ?? { node: name, rpm: name, debianKernel: name, go: name };
}
