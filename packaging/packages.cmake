# packages: `cpack` makes .deb packages of a build that was configured with --preset package: councilws, libcouncilws1, libcouncilws-dev.

# Whoever gives packages to others puts a name here that answers mail; the default is nobody's.
set(CWS_MAINTAINER "The councilws authors <councilws@users.noreply.github.com>" CACHE STRING
    "NAME <ADDRESS> of who answers for the packages")

# ---- what only a package has ----
# The settings, every one of them commented; never overwritten by a newer package (conffiles).
set(config ${CMAKE_CURRENT_BINARY_DIR}/config)
add_custom_command(OUTPUT ${config}
  COMMAND sh -c "$<TARGET_FILE:councilws_cli> help --format config >${config}"
  DEPENDS councilws_cli VERBATIM)
set(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz)
configure_file(debian/changelog.in changelog @ONLY)
add_custom_command(OUTPUT ${changelog}
  COMMAND sh -c "gzip -9n <${CMAKE_CURRENT_BINARY_DIR}/changelog >${changelog}"
  DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/changelog VERBATIM)
add_custom_target(package_files ALL DEPENDS ${config} ${changelog})
install(FILES ${config} DESTINATION /etc/councilws COMPONENT configuration EXCLUDE_FROM_ALL)
foreach(pair command:councilws library:libcouncilws1 development:libcouncilws-dev)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  install(FILES debian/copyright ${changelog} DESTINATION /usr/share/doc/${package}
          COMPONENT documents_of_${component} EXCLUDE_FROM_ALL)
endforeach()

# ---- CPack ----
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME councilws)
set(CPACK_PACKAGE_CONTACT "${CWS_MAINTAINER}")
# CPack's default, which it leaves out: each package has a summary of its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${CMAKE_PROJECT_NAME} built using CMake")
set(CPACK_SET_DESTDIR ON) # /etc is not below the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/compress.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/no_scripts.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL command configuration documents_of_command library documents_of_library
                         development documents_of_development)
set(exact "(= ${PROJECT_VERSION})")

set(CPACK_DEBIAN_COUNCILWS_PACKAGE_NAME councilws)
set(CPACK_DEBIAN_COUNCILWS_PACKAGE_SECTION net)
set(CPACK_DEBIAN_COUNCILWS_PACKAGE_DEPENDS "libcouncilws1 ${exact}")
set(CPACK_DEBIAN_COUNCILWS_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/debian/conffiles)
set(CPACK_DEBIAN_COUNCILWS_DESCRIPTION "hub for the events of long multi-agent runs
Each run is a durable, ordered stream of JSON events, which people and
programs watch live, or later, without missing one. This is the command:
the hub and its service, and what publishes, watches and replays.")

set(CPACK_DEBIAN_LIBCOUNCILWS1_PACKAGE_NAME libcouncilws1)
set(CPACK_DEBIAN_LIBCOUNCILWS1_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBCOUNCILWS1_PACKAGE_DEPENDS libwebsockets-evlib-uv) # loaded at run time
configure_file(debian/shlibs.in shlibs @ONLY)
set(CPACK_DEBIAN_LIBCOUNCILWS1_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/debian/triggers
                                                     ${CMAKE_CURRENT_BINARY_DIR}/shlibs)
set(CPACK_DEBIAN_LIBCOUNCILWS1_DESCRIPTION "library to follow, publish and serve the events of long runs
The client and the server role of councilws, a hub for durable, ordered
streams of JSON events, as one library.")

set(CPACK_DEBIAN_LIBCOUNCILWS-DEV_PACKAGE_NAME libcouncilws-dev)
set(CPACK_DEBIAN_LIBCOUNCILWS-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBCOUNCILWS-DEV_PACKAGE_DEPENDS "libcouncilws1 ${exact}")
set(CPACK_DEBIAN_LIBCOUNCILWS-DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_LIBCOUNCILWS-DEV_DESCRIPTION "library to follow and serve the events of long runs (development)
Headers, manuals and examples to build programs with libcouncilws.")

include(CPack)
foreach(group councilws libcouncilws1 libcouncilws-dev)
  cpack_add_component_group(${group})
endforeach()
set(group_of_command councilws)
set(group_of_library libcouncilws1)
set(group_of_development libcouncilws-dev)
foreach(component command library development)
  cpack_add_component(${component} GROUP ${group_of_${component}})
  cpack_add_component(documents_of_${component} GROUP ${group_of_${component}})
endforeach()
cpack_add_component(configuration GROUP councilws)
