/* version: the one function of version.h. */
#include <councilws/version.h>

const char *cws_version(void) {
  return CWS_VERSION;
}
