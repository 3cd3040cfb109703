// Sources are TypeScript modules that node runs by itself; jest gets them through swc, as CommonJS.
module.exports = {
  rootDir: __dirname,
  // Also for the virtual machine, to which the repository is lent.
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  testEnvironment: 'node',
  // For a machine that is busy. How long something takes is not tested.
  testTimeout: 60_000,
  // Those of test/vm change the machine that they run on.
  testMatch: [
    `<rootDir>/test/{unit,integration,e2e${process.env.RKT_TEST_MACHINE === 'virtual' ? ',vm' : ''}}/**/*.test.ts`,
  ],
  moduleFileExtensions: ['ts', 'js', 'cjs', 'mjs', 'json', 'node'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build/', '<rootDir>/native/build/'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
        module: { type: 'commonjs' },
      },
    ],
  },
};
