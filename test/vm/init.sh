#!/bin/busybox sh
# First process of the virtual machine. Its root is the host's, read-only below a disk that is empty at first; /tmp, /run and
# /var/lib are its own. Control groups are those of cgroup v2.
/bin/busybox --install -s /bin
export PATH=/bin
stop() { echo "init: $*"; poweroff -f; }

mount -t devtmpfs dev /dev
mount -t proc proc /proc
for module in $(cat /modules); do modprobe "$module" || stop "no module $module"; done

share=trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288
mount -t ext4 /dev/vda /disk && mount -t 9p -o $share host /host || stop 'the disks cannot be mounted'
mkdir /disk/upper /disk/work /disk/lib /disk/repository /disk/repository-work
mkdir -m 1777 /disk/tmp
mount -t overlay -o lowerdir=/host,upperdir=/disk/upper,workdir=/disk/work root /root || stop 'the root cannot be mounted'

cd /root
mkdir -p lib/modules
mount -t 9p -o $share modules lib/modules
mount --bind /disk/tmp tmp
mount --bind /disk/lib var/lib
mount -t tmpfs tmpfs run
mount -t proc proc proc
mount -t sysfs sys sys
mount -t devtmpfs dev dev
mkdir -p dev/pts dev/shm
mount -t devpts -o ptmxmode=666,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t securityfs securityfs sys/kernel/security

# After /tmp, below which it may lie.
repository=$(cat /repository)
mkdir -p /repository-share ".$repository"
mount -t 9p -o $share repository /repository-share
mount -t overlay -o lowerdir=/repository-share,upperdir=/disk/repository,workdir=/disk/repository-work repository ".$repository" ||
  stop 'the repository cannot be mounted'
cp /arguments run/arguments

umount /proc /dev
exec switch_root /root /bin/bash "$repository/test/vm/guest.sh" "$repository"
