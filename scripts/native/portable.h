// Read before everything else when the index addon is compiled.
//
// A compiler on a new system binds log, exp and pow to the newest version of the C library it knows, and the addon then
// refuses to load on older boxes (glibc 2.28 is our floor). The first version of each is still there: bind to that one.
#pragma once

#if defined(__aarch64__)
#define GATEHOUSE_FIRST_GLIBC "GLIBC_2.17"
#elif defined(__x86_64__)
#define GATEHOUSE_FIRST_GLIBC "GLIBC_2.2.5"
#endif

#ifdef GATEHOUSE_FIRST_GLIBC
#define GATEHOUSE_BIND(function) __asm__(".symver " #function "," #function "@" GATEHOUSE_FIRST_GLIBC)
GATEHOUSE_BIND(log);
GATEHOUSE_BIND(exp);
GATEHOUSE_BIND(pow);
GATEHOUSE_BIND(logf);
GATEHOUSE_BIND(expf);
GATEHOUSE_BIND(powf);
GATEHOUSE_BIND(pthread_create);
#endif

// Waiting on a condition got a new version in libstdc++ of GCC 12; the first one is the same for what is done here.
__asm__(
    ".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
    "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
