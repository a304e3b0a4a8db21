#include "omega_linux.h"
