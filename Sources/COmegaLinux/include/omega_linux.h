#pragma once
// Nothing here yet.
