// Files that the specification's commands send: small, and right enough to be taken.

/** A bzImage whose boot header (Linux/x86 boot protocol) names the release. */
export function kernelFile(release: string): Buffer {
  const kernel = Buffer.alloc(4096);
  kernel.writeUInt16LE(0xaa55, 0x1fe);
  kernel.write('HdrS', 0x202, 'latin1');
  kernel.writeUInt16LE(0x020f, 0x206);
  kernel.writeUInt16LE(0x400, 0x20e);
  kernel.write(`${release} (builder@example.com) #1 SMP\0`, 0x600, 'latin1');
  return kernel;
}

/** The smallest ISO 9660 image (ECMA-119): a primary volume descriptor, and a root directory with only itself in it. */
export function isoFile(label: string): Buffer {
  const iso = Buffer.alloc(40 * 2048);
  const descriptor = (sector: number, type: number): void => {
    iso[sector * 2048] = type;
    iso.write('CD001', sector * 2048 + 1, 'latin1');
    iso[sector * 2048 + 6] = 1;
  };
  descriptor(16, 1);
  iso.write(label.padEnd(32), 16 * 2048 + 40, 'latin1');
  iso.writeUInt32LE(40, 16 * 2048 + 80);
  iso.writeUInt16LE(2048, 16 * 2048 + 128);
  descriptor(17, 255);
  for (const at of [16 * 2048 + 156, 20 * 2048]) {
    iso[at] = 34;
    iso.writeUInt32LE(20, at + 2);
    iso.writeUInt32LE(2048, at + 10);
    iso[at + 25] = 2;
    iso[at + 32] = 1;
  }
  return iso;
}

/** /etc/yum.repos.d/CentOS-Base.repo of CentOS 7, without its comments. */
export const CENTOS_BASE_REPO = `# CentOS-Base.repo
[base]
name=CentOS-$releasever - Base
mirrorlist=http://mirrorlist.centos.org/?release=$releasever&arch=$basearch&repo=os&infra=$infra
#baseurl=http://mirror.centos.org/centos/$releasever/os/$basearch/
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7

[updates]
name=CentOS-$releasever - Updates
mirrorlist=http://mirrorlist.centos.org/?release=$releasever&arch=$basearch&repo=updates&infra=$infra
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7

[extras]
name=CentOS-$releasever - Extras
baseurl=http://mirror.centos.org/centos/$releasever/extras/$basearch/
        http://vault.centos.org/centos/$releasever/extras/$basearch/
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7

[centosplus]
name=CentOS-$releasever - Plus
mirrorlist=http://mirrorlist.centos.org/?release=$releasever&arch=$basearch&repo=centosplus&infra=$infra
gpgcheck=1
enabled=0
`;
