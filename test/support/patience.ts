/** How much longer than elsewhere everything may take where the tests run: several times as long in a virtual machine. */
export const patience = process.env.RKT_TEST_MACHINE === 'virtual' ? 5 : 1;
