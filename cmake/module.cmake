# cws_module(NAME [LIBS …]): a folder of C files as one static library inside libcouncilws.
# What a module may include is what it links to; tests/unit/structure reads the include graph and holds it.

add_library(cws_flags INTERFACE)
target_compile_definitions(cws_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_compile_options(cws_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
  -Wundef -fno-strict-aliasing)
if(CWS_WERROR)
  target_compile_options(cws_flags INTERFACE -Werror)
endif()
if(CWS_SANITIZE)
  target_compile_options(cws_flags INTERFACE
    -fsanitize=${CWS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(cws_flags INTERFACE -fsanitize=${CWS_SANITIZE} -fuse-ld=gold) # gold: links in half the time
  if(CWS_SANITIZE MATCHES address)
    target_link_options(cws_flags INTERFACE -no-pie) # see cws_library
  endif()
endif()
target_include_directories(cws_flags INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/lib/include ${PROJECT_BINARY_DIR}/include)
configure_file(${PROJECT_SOURCE_DIR}/lib/include/councilws/version.h.in
               ${PROJECT_BINARY_DIR}/include/councilws/version.h @ONLY)

function(cws_module name)
  cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC cws_flags ${arg_LIBS})
endfunction()
