# What Debian wants compressed in a package: man pages. Run by CPack on what it has installed for them.
file(GLOB_RECURSE pages "${CPACK_TEMPORARY_DIRECTORY}/*.[1-8]")
list(FILTER pages INCLUDE REGEX "/man/man[1-8]/")
if(pages)
  execute_process(COMMAND gzip -9n ${pages} COMMAND_ERROR_IS_FATAL ANY)
endif()
