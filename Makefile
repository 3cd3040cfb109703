# One entry for everything. The pinned node comes with npm and is found first on PATH; the distribution's node only runs npm.
SHELL := /bin/bash
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ARCH := $(shell uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
export PATH := $(ROOT)/node_modules/.bin:$(PATH)
# Packages with a native part are built against the headers of the pinned node, not of the node that runs npm.
export npm_config_nodedir := $(ROOT)/node_modules/node-linux-$(ARCH)
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all build lint test demo bench install clean tools

all: build

# Not npm ci: it refuses a lock file that lacks packages for other platforms, and registries do not have all of these at any
# moment. What is installed is what the lock file says, checked against its hashes.
node_modules/.stamp: package.json package-lock.json
	npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

build: node_modules/.stamp
	npm run --silent build

lint: node_modules/.stamp
	npm run --silent lint

# Programs of the distribution that the demo, the tests and the bench use beside rkt; rkt itself needs none of them.
tools:
	@deploy/tools.sh $(TOOLS)

test: TOOLS := busybox-static iproute2 nftables curl xz-utils bzip2 zstd libarchive-tools procps docker-registry skopeo gnupg openssl python3-minimal bsdutils nginx redis-tools debootstrap zsh qemu-system-x86 kmod e2fsprogs systemd
test: tools lint build
	npm run --silent test

demo: TOOLS := busybox-static curl iproute2 nftables
demo: tools build
	node deploy/demo/demo.ts

bench: TOOLS := busybox-static iproute2 podman runc crun systemd-container wrk docker-registry skopeo umoci containerd python3-minimal
bench: tools build
	npm run --silent bench

install: build
	deploy/install.sh "$(DESTDIR)" "$(PREFIX)"

clean:
	rm -rf dist native/build node_modules
