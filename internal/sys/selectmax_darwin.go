package sys

// darwin's select refuses more unless the program was compiled for it.
const selectMax = fdSetSize
