{
  'variables': {
    'warnings': [
      '-std=gnu17', '-Wall', '-Wextra', '-Wshadow', '-Wstrict-prototypes', '-Wmissing-prototypes', '-Wpointer-arith',
      '-Werror=implicit-function-declaration', '-Werror=incompatible-pointer-types', '-Werror=int-conversion',
      '-Werror=return-type', '-Werror=format', '-fstack-protector-strong', '-fvisibility=hidden',
    ],
  },
  'target_defaults': {
    'include_dirs': ['src'],
    'defines': ['_GNU_SOURCE', '_FILE_OFFSET_BITS=64'],
    'cflags': ['<@(warnings)'],
  },
  'targets': [
    {
      'target_name': 'rkt_native',
      'sources': ['<!@(ls src/addon/*.c src/common/*.c)'],
      'defines': ['NAPI_VERSION=10', 'NODE_GYP_MODULE_NAME=rkt_native'],
      # Threads of binding-lock.c may outlive the worker that loaded the addon, and its code with it.
      'ldflags': ['-Wl,-z,nodelete'],
    },
    {
      'target_name': 'stage1_common',
      'type': 'static_library',
      'sources': ['<!@(ls src/stage1/*.c | grep -v /main-)', '<!@(ls src/common/*.c)'],
    },
    {
      'target_name': 'stage1-run',
      'type': 'executable',
      'dependencies': ['stage1_common'],
      'sources': ['src/stage1/main-run.c'],
      'ldflags': ['-static', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now'],
    },
    {
      'target_name': 'stage1-enter',
      'type': 'executable',
      'dependencies': ['stage1_common'],
      'sources': ['src/stage1/main-enter.c'],
      'ldflags': ['-static', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now'],
    },
    {
      'target_name': 'stage1-gc',
      'type': 'executable',
      'dependencies': ['stage1_common'],
      'sources': ['src/stage1/main-gc.c'],
      'ldflags': ['-static', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now'],
    },
    {
      'target_name': 'stage1-stop',
      'type': 'executable',
      'dependencies': ['stage1_common'],
      'sources': ['src/stage1/main-stop.c'],
      'ldflags': ['-static', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now'],
    },
    {
      'target_name': 'stage1-keeper',
      'type': 'executable',
      'dependencies': ['stage1_common'],
      'sources': ['src/stage1/main-keeper.c'],
      'ldflags': ['-static', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now'],
    },
    {
      'target_name': 'rkt-settle',
      'type': 'executable',
      'sources': ['src/settle/main.c'],
      'ldflags': ['-static', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now'],
    },
    {
      'target_name': 'rkt-launcher',
      'type': 'executable',
      'sources': ['src/launcher/main.c'],
      'ldflags': ['-static', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now'],
    },
  ],
}
