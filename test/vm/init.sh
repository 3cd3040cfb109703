#!/bin/busybox sh
# First process of the virtual machine. Makes a root that is the host's, read-only below a disk that is empty at first, with /tmp and
# /var/lib of its own, and hands over to systemd, which runs the tests and nothing else of what is enabled on the host.
/bin/busybox --install -s /bin
export PATH=/bin
stop() {
  echo "init: $*"
  poweroff -f
}

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
mount --move /dev dev

# After /tmp, below which it may lie.
repository=$(cat /repository)
mkdir -p /repository-share ".$repository"
mount -t 9p -o $share repository /repository-share &&
  mount -t overlay -o lowerdir=/repository-share,upperdir=/disk/repository,workdir=/disk/repository-work repository ".$repository" ||
  stop 'the repository cannot be mounted'

rm -rf etc/systemd/system/*.wants etc/fstab .dockerenv
mkdir -p etc/tmpfiles.d etc/rkt-tests
# Nothing tidies up in /tmp.
: >etc/tmpfiles.d/tmp.conf
cp /arguments etc/rkt-tests/
cat >etc/systemd/system/rkt-tests.service <<EOF
[Unit]
Description=Tests of rkt
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=exec
ExecStart=/bin/bash $repository/test/vm/guest.sh
WorkingDirectory=$repository
StandardOutput=file:/dev/console
StandardError=file:/dev/console
TasksMax=infinity
EOF

umount /proc
exec switch_root /root /lib/systemd/systemd --unit=rkt-tests.service
