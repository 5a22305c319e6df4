package sys

// fionwrite is FIONWRITE of <sys/filio.h>: _IOR('f', 119, int).
const fionwrite = 0x4004_0000 | 'f'<<8 | 119
